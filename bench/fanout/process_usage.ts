/** What Linux says that a process has used. */

/** Unit of the times in `/proc/PID/stat`, which Linux fixes at 100 a second for programs. */
const TICKS_PER_SECOND = 100;

/** Processor seconds, its own and the kernel's for it, of all threads. */
export async function readCpuSeconds(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory that the process ever had resident, bytes. */
export async function readPeakBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
