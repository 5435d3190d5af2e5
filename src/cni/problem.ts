// What the plugin says when a command fails: the error object of the CNI specification, on standard output.

import type { CniCode } from "./codes.ts";

/** Ends the command. `message` opens with the text that operators know from the reference; `details` say why and what to do. */
export class CniProblem extends Error {
  override readonly name = "CniProblem";
  readonly code: CniCode;
  readonly details: string;

  constructor(code: CniCode, message: string, details = "") {
    super(message);
    this.code = code;
    this.details = details;
  }
}

export function problemText(problem: CniProblem, cniVersion: string): string {
  const { code, message: msg, details } = problem;
  return toText({ cniVersion, code, msg, ...(details === "" ? {} : { details }) });
}

/** As the reference prints: four spaces a level, one line end. */
export function toText(value: object): string {
  return `${JSON.stringify(value, null, 4)}\n`;
}
