/** FFmpeg, which publishes pictures that carry the time at which they were drawn, and a tone each second. */
import { drawPicture, drawSound, PICTURE, SAMPLE_RATE } from "./stamped_picture.ts";

/** A publisher of stamped pictures. */
export class StampedPublisher implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #sound: Deno.TcpListener;
  readonly #drawing: Promise<unknown>;
  #isStopped = false;

  /** Starts FFmpeg, whose outputs are `outputs`: its arguments behind those of the encoder of the picture. */
  constructor(outputs: readonly string[], options: { readonly tuning?: readonly string[] } = {}) {
    const { tuning = ["-tune", "zerolatency"] } = options;
    const { width, height, rate } = PICTURE;
    this.#sound = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const encoder =
      `-c:v libx264 -preset ultrafast -threads 1 -pix_fmt yuv420p -b:v 800k -g ${rate}`.split(" ");
    this.#child = new Deno.Command("ffmpeg", {
      args: [
        ..."-nostdin -v error -fflags nobuffer -probesize 32 -analyzeduration 0".split(" "),
        ...`-f rawvideo -pix_fmt rgb24 -s ${width}x${height} -r ${rate} -i pipe:0`.split(" "),
        ..."-fflags nobuffer -probesize 32 -analyzeduration 0".split(" "),
        ...`-f s16le -ar ${SAMPLE_RATE} -ac 1 -i tcp://127.0.0.1:${this.#sound.addr.port}`
          .split(" "),
        ...outputs.flatMap((word) => word === "ENCODER" ? [...encoder, ...tuning] : [word]),
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#drawing = this.#draw().catch(() => {});
  }

  async #draw(): Promise<void> {
    const pictures = this.#child.stdin.getWriter();
    const startMs = Date.now();
    // FFmpeg reads a first picture before it asks for the sound.
    await pictures.write(drawPicture(startMs));
    await Promise.all([
      this.#drawPictures(pictures, startMs),
      this.#drawSound(startMs),
    ]);
  }

  async #drawPictures(
    pictures: WritableStreamDefaultWriter<Uint8Array>,
    startMs: number,
  ): Promise<void> {
    for (let count = 1; !this.#isStopped; count++) {
      await at(startMs + count * 1000 / PICTURE.rate);
      await pictures.write(drawPicture(Date.now()));
    }
    await pictures.close();
  }

  async #drawSound(startMs: number): Promise<void> {
    using connection = await this.#sound.accept();
    const writer = connection.writable.getWriter();
    for (let written = 0; !this.#isStopped;) {
      const due = Math.floor((Date.now() - startMs) * SAMPLE_RATE / 1000);
      if (due > written) {
        await writer.write(drawSound(startMs + written * 1000 / SAMPLE_RATE, due - written));
        written = due;
      }
      await at(Date.now() + 10);
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#child.kill("SIGKILL");
    await this.#child.status;
    this.#sound.close();
    await this.#drawing;
  }
}

async function at(unixMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, unixMs - Date.now())));
}
