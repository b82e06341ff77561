/** What Linux says that a process has used. */

/**
 * Processor seconds of a process, or of this one, its own and the kernel's for it, of all threads that live, to the
 * nanosecond: the ticks of
 * `/proc/PID/stat` are counted by samples, and miss up to half of what wakes at a pace.
 */
export async function readCpuSeconds(pid: number = Deno.pid): Promise<number> {
  let ns = 0;
  for (const text of await threadTimes(pid)) ns += Number(text.split(" ", 1)[0]);
  return ns / 1e9;
}

/** What the kernel tells of each thread; one may have ended since the folder was read. */
async function threadTimes(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/task`;
  try {
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    const read = (name: string) => Deno.readTextFile(`${folder}/${name}/schedstat`);
    return await Promise.all(names.map((name) => read(name).catch(() => "0")));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    // Deno lets only who may do anything look at other processes.
    const args = ["-c", `cat ${folder}/*/schedstat 2>/dev/null`];
    const { stdout } = await new Deno.Command("sh", { args }).output();
    return new TextDecoder().decode(stdout).trim().split("\n");
  }
}

/** The most memory that the process ever had resident, bytes. */
export async function readPeakBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
