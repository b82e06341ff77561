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
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Players acknowledge what they get, by which servers know that they are there: here each ten seconds. */
static const unsigned char acknowledgement[16] = {2, 0, 0, 0, 0, 0, 4, 3};
enum { ACKNOWLEDGE_MS = 10000 };

enum { FIRST = 1537, ANSWER = 3073, EVERY_MS = 50, MOST_JOIN = 65536, BUFFER = 1 << 20 };

static unsigned char join_bytes[MOST_JOIN];
static unsigned char answer[ANSWER];

static int *fds;
static int open_players;
static unsigned long long bytes;

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

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

static void was_closed(int at, const char *why) {
  fprintf(stderr, "a player was closed: %s\n", why);
  close(fds[at]);
  fds[at] = -1;
}

static void discard_of(int at) {
  static char nowhere[BUFFER];
  while (fds[at] >= 0) {
    ssize_t taken = recv(fds[at], nowhere, BUFFER, MSG_TRUNC | MSG_DONTWAIT);
    if (taken < 0 && errno == EAGAIN) return;
    if (taken <= 0) return was_closed(at, taken == 0 ? "by its server" : strerror(errno));
    bytes += (unsigned long long)taken;
    if (taken < BUFFER) return;
  }
}

/* Those who have joined go on to take what comes while others join: servers close who takes nothing for long. */
static void discard(void) {
  static long long last_ms, acknowledged_ms;
  long long ms = now_ms();
  if (ms - last_ms < EVERY_MS) return;
  last_ms = ms;
  if (ms - acknowledged_ms >= ACKNOWLEDGE_MS) {
    acknowledged_ms = ms;
    for (int at = 0; at < open_players; at++) {
      if (fds[at] < 0) continue;
      if (send(fds[at], acknowledgement, sizeof acknowledgement, MSG_NOSIGNAL) < 0) {
        was_closed(at, strerror(errno));
      }
    }
  }
  for (int at = 0; at < open_players; at++) discard_of(at);
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
  fds = malloc(sizeof(int) * (size_t)players);
  while (open_players < players) {
    fds[open_players] = open_player(atoi(arguments[1]), length);
    open_players++;
    discard();
  }
  printf("joined\n");
  fflush(stdout);
  struct pollfd asked = {.fd = 0, .events = POLLIN};
  for (;;) {
    discard();
    if (poll(&asked, 1, EVERY_MS) <= 0) continue;
    char byte;
    if (read(0, &byte, 1) <= 0) return 0;
    printf("%llu\n", bytes);
    fflush(stdout);
  }
}
