/*
 * Players of RTMP that cost next to nothing: all that comes is discarded in the kernel (MSG_TRUNC, see tcp(7)).
 *
 *     discard PORT PLAYERS < JOIN
 *
 * JOIN is what a player sends: its length, four bytes, the first of which are to be answered by the
 * 3073 bytes of a handshake, before the rest is sent; then what is asked: each byte has the bytes so far printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Players acknowledge what they get, by which servers know that they are there: here each ten seconds. */
static const unsigned char acknowledgement[16] = {2, 0, 0, 0, 0, 0, 4, 3};
enum { ACKNOWLEDGE_EVERY = 200 };

enum { FIRST = 1537, ANSWER = 3073, EVERY_MS = 50, MOST_JOIN = 65536, BUFFER = 1 << 20 };

static unsigned char join_bytes[MOST_JOIN];
static unsigned char answer[ANSWER];

static void read_whole(int fd, void *to, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t count = read(fd, (char *)to + at, length - at);
    if (count <= 0) {
      perror("read");
      exit(1);
    }
    at += (size_t)count;
  }
}

static void write_whole(int fd, const void *from, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t count = write(fd, (const char *)from + at, length - at);
    if (count <= 0) {
      perror("write");
      exit(1);
    }
    at += (size_t)count;
  }
}

static int open_player(int port, size_t join_length) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int buffer = BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("connect");
    exit(1);
  }
  write_whole(fd, join_bytes, FIRST);
  read_whole(fd, answer, ANSWER);
  write_whole(fd, answer + 1, FIRST - 1);
  write_whole(fd, join_bytes + FIRST, join_length - FIRST);
  return fd;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  uint32_t length;
  read_whole(0, &length, sizeof length);
  length = ntohl(length);
  if (length < FIRST || length > MOST_JOIN) return 2;
  read_whole(0, join_bytes, length);
  int players = atoi(arguments[2]);
  int *fds = malloc(sizeof(int) * (size_t)players);
  for (int at = 0; at < players; at++) fds[at] = open_player(atoi(arguments[1]), length);
  printf("joined\n");
  fflush(stdout);
  unsigned long long bytes = 0;
  static char nowhere[BUFFER];
  struct pollfd asked = {.fd = 0, .events = POLLIN};
  for (unsigned turn = 1;; turn++) {
    if (turn % ACKNOWLEDGE_EVERY == 0) {
      for (int at = 0; at < players; at++) {
        if (fds[at] >= 0) write_whole(fds[at], acknowledgement, sizeof acknowledgement);
      }
    }
    for (int at = 0; at < players; at++) {
      for (;;) {
        ssize_t taken = recv(fds[at], nowhere, BUFFER, MSG_TRUNC | MSG_DONTWAIT);
        if (fds[at] < 0) break;
        if (taken == 0 || (taken < 0 && errno != EAGAIN)) {
          fprintf(stderr, "a player was closed\n");
          close(fds[at]);
          fds[at] = -1;
          break;
        }
        if (taken < 0) break;
        bytes += (unsigned long long)taken;
        if (taken < BUFFER) break;
      }
    }
    if (poll(&asked, 1, EVERY_MS) <= 0) continue;
    char byte;
    if (read(0, &byte, 1) <= 0) return 0;
    printf("%llu\n", bytes);
    fflush(stdout);
  }
}
