// How this program starts itself again.

/** The compiled executable is one file; a checkout is Bun and the main module. */
export function selfCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}
