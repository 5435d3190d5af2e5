// Commands of a test, run to their end, and what one says line by line while it runs.

/** Where a system's programs are; users' paths often lack those of the administrator. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the command printed; throws with all that it said when it fails. */
export function run(...command: readonly string[]): string {
  return runWith("", command);
}

/** The same with something on its standard input. */
export function runWith(input: string, command: readonly string[]): string {
  const result = Bun.spawnSync([...command], {
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_PATH}` },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.stderr}${result.stdout}`.trim());
  return result.stdout.toString();
}

/** Whole lines, as they come. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
