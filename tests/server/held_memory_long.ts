/** What a server takes of memory while strangers make it hold as much as they may, and more. */
import { assert } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { startWeir } from "../support/process.ts";
import { RtmpClient } from "../support/rtmp_client.ts";

/** What connections may make a server hold together, by default. */
const BUDGET_BYTES = 256 * 1024 * 1024;

/** Strangers at a time, and how often each is replaced when it was sent away. */
const STRANGERS = 2600;
const TIMES = 2;

/** Memory of a process at its highest so far, bytes. */
async function peakBytes(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(new TextDecoder().decode(stdout))![1]) * 1024;
}

Deno.test({
  name:
    "strangers that send messages just below the bound make the server take its budget and a third, no more",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using weir = await startWeir([], { limitMs: 120_000 });
    const base = await peakBytes(weir.pid);
    const part = concat([
      Uint8Array.of(2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff),
      Uint8Array.of(4, 0, 0, 0, 0x9f, 0xff, 0xff, 9, 1, 0, 0, 0),
      new Uint8Array(60 * 1024),
    ]);
    let sentAway = 0;
    let isOver = false;
    /** A client without a role that sends most of what it may, and stays until it is sent away. */
    const stranger = async (): Promise<void> => {
      for (let times = 0; times < TIMES && !isOver; times++) {
        try {
          using client = await RtmpClient.dial(weir.port);
          await client.shakeHands();
          await client.send(part);
          while (await client.pipe.read(new Uint8Array(64)) !== null);
        } catch {
          // It was reset, or the server is gone.
        }
        sentAway++;
      }
    };
    const strangers: Promise<void>[] = [];
    for (let count = 0; count < STRANGERS; count++) {
      strangers.push(stranger());
      if (count % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // Those that there is room for stay for ten seconds, when their time to take a role is over.
    while (sentAway < STRANGERS) await new Promise((resolve) => setTimeout(resolve, 50));
    const bytes = await peakBytes(weir.pid) - base;
    isOver = true;
    weir.kill("SIGKILL");
    await Promise.all(strangers);
    assert(bytes > BUDGET_BYTES / 2, `${bytes} bytes are too few for the budget to matter`);
    assert(bytes <= 1.3 * BUDGET_BYTES, `${bytes} bytes beside ${base}`);
  },
});
