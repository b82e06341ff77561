# weir in a container. Build: docker build -t weir .   Run: see compose.yaml.
FROM denoland/deno:2.9

WORKDIR /weir
COPY deno.json mod.ts LICENSE ./
COPY src src
COPY scripts/std scripts/std
COPY scripts/compile.ts scripts/source_files.ts scripts/

# All that is loaded, at the start and when it is needed, is fetched and compiled now: a container needs no network for it.
RUN deno run --allow-read scripts/compile.ts --list | xargs deno cache mod.ts

# RTMP, RTSP, HTTP, RTP and RTCP, WebRTC.
EXPOSE 1935 8554 8080 8000/udp 8001/udp 8189/udp

# Configuration and recordings are mounted here, and nothing else can be read or written.
RUN mkdir -p /etc/weir /var/lib/weir && chown deno:deno /var/lib/weir
VOLUME /var/lib/weir
USER deno

HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["deno", "eval", \
  "const { ok } = await fetch('http://127.0.0.1:8080/healthz'); Deno.exit(ok ? 0 : 1)"]

# V8 is told not to spend memory on fewer collections: see "Memory" in docs/scaling.md.
ENTRYPOINT ["deno", "run", "--v8-flags=--max-semi-space-size=8", "--allow-net", \
  "--allow-read=/etc/weir,/var/lib/weir", "--allow-write=/var/lib/weir", "--allow-sys=statfs", "mod.ts"]
