/** What Linux says that a process has used. */

/**
 * Processor seconds of a process, or of this one, its own and the kernel's for it, of all threads that live, to the
 * nanosecond: the ticks of
 * `/proc/PID/stat` are counted by samples, and miss up to half of what wakes at a pace.
 */
export async function readCpuSeconds(pid: number = Deno.pid): Promise<number> {
  let ns = 0;
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    // A thread may have ended since the folder was read.
    const text = await Deno.readTextFile(`/proc/${pid}/task/${name}/schedstat`).catch(() => "0");
    ns += Number(text.split(" ", 1)[0]);
  }
  return ns / 1e9;
}

/** The most memory that the process ever had resident, bytes. */
export async function readPeakBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
