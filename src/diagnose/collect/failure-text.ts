// Why something could not be read, as `unread` tells it.

/** What a system call or a reader says, without its stack. */
export function failureText(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === "EACCES" || code === "EPERM") return "may not be read (permission denied)";
  if (code === "ENOENT") return "no such file";
  return error instanceof Error ? error.message : String(error);
}
