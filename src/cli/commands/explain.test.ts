// What explain answers to a question with a slip of the pen.

import { expect, test } from "bun:test";
import { CommandError } from "../command-error.ts";
import { explain } from "./explain.ts";

test("a mistyped name of a lint rule is told which rule was meant", () => {
  let thrown: unknown;
  try {
    explain("warm-eni-target-never-raed");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CommandError);
  expect((thrown as CommandError).next).toStartWith("did you mean warm-eni-target-never-read? ");
});
