// What is wrong with an input file: where, what, and what to do next. All errors of a file are reported at once.

/** One finding in a file. `line` and `column` start at 1. */
export interface CheckError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What to do about it; undefined where the message says it. */
  readonly next?: string | undefined;
}

/** `cluster.yaml:3:5: unknown key "subents"; did you mean "subnets"?` */
export function formatCheckError(error: CheckError): string {
  const place = `${error.file}:${error.line}:${error.column}`;
  return error.next === undefined ? `${place}: ${error.message}` : `${place}: ${error.message}\n  ${error.next}`;
}

/** Orders by file, then by place; equal places keep the order in which they were found. */
export function sortCheckErrors(errors: readonly CheckError[]): CheckError[] {
  return [...errors].sort((a, b) =>
    a.file !== b.file ? (a.file < b.file ? -1 : 1) : a.line - b.line || a.column - b.column,
  );
}
