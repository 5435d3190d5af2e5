// An error that the user can act on: one line that says what happened, one that says what to do. Never a stack trace.

/** Exit statuses (docs/ARCHITECTURE.md): 0 clean, 1 findings or pods without address, 2 usage, 3 source unreachable, 4 internal. */
export type ExitStatus = 0 | 1 | 2 | 3 | 4;

export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitStatus: ExitStatus;
  /** What to do now; undefined when the message says it. */
  readonly next: string | undefined;

  constructor(message: string, options: { readonly exitStatus: ExitStatus; readonly next?: string }) {
    super(message);
    this.exitStatus = options.exitStatus;
    this.next = options.next;
  }
}
