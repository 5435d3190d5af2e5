// The agent's memory. JavaScriptCore sizes its heap by the machine's memory, and on a node that is the pods' memory: after a
// burst of 2,000 ADDs it held 170 MB. The limit it believes in can only be given in the environment, before the process starts. So
// can the want of its last compiler, which takes 14 MB at its peak for what an agent's short functions hardly gain from.

const LIMIT_VARIABLE = "BUN_JSC_forceRAMSize";
const LIMIT_BYTES = 50_000_000;
const LAST_COMPILER_VARIABLE = "BUN_JSC_useFTLJIT";

/** What to add to the environment of an agent, so that it need not replace itself. */
export const SMALL_HEAP_ENVIRONMENT: Readonly<Record<string, string>> = {
  [LIMIT_VARIABLE]: String(LIMIT_BYTES),
  [LAST_COMPILER_VARIABLE]: "0",
};

/** Replaces this process by itself, same pid and arguments, with a small heap. Does nothing when it has one already. */
export function replaceWithSmallHeap(): void {
  if (process.env[LIMIT_VARIABLE] !== undefined || typeof process.execve !== "function") return;
  // Compiled in, the entry file is part of the executable and not one of its arguments.
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  const words = process.argv.slice(isCompiled ? 2 : 1);
  process.execve(process.execPath, [process.execPath, ...words], { ...environment(), ...SMALL_HEAP_ENVIRONMENT });
}

function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
