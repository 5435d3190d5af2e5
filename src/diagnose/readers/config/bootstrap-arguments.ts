// Arguments of bootstrap.sh, the boot script of Amazon Linux 2 images (nodes.md 4): also as bare text, as people paste them.

import type { Located, NodeBootstrap, Source } from "../../facts/model.ts";

/** What the arguments say; `at` is where they stand. Never throws; what is not understood is left out. */
export function readBootstrapArguments(
  text: string,
  at: Source,
  span?: Located<string>["span"],
): Partial<NodeBootstrap> {
  const here = <T>(value: T): Located<T> => ({ value, at });
  const words = shellWords(text);
  let maxPods: number | undefined;
  let useMaxPods: boolean | undefined;
  for (const [index, word] of words.entries()) {
    // Only the next word is the value: `--use-max-pods=false` is not parsed as meant, so it says nothing.
    if (word === "--use-max-pods") useMaxPods = booleanOf(words[index + 1]) ?? useMaxPods;
    if (word === "--kubelet-extra-args") maxPods = maxPodsFlag(words[index + 1] ?? "") ?? maxPods;
  }
  if (!words.includes("--kubelet-extra-args")) maxPods = maxPodsFlag(text);
  return {
    bootstrapArguments: { value: text.trim(), at, span },
    ...(maxPods === undefined ? {} : { maxPods: here(maxPods) }),
    ...(useMaxPods === undefined ? {} : { useMaxPods: here(useMaxPods) }),
  };
}

/** kubelet's flag, with `=` or a blank; the last one counts. */
export function maxPodsFlag(flags: string): number | undefined {
  const digits = [...flags.matchAll(/--max-pods(?:=|\s+)["']?(\d{1,9})\b/g)].at(-1)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function booleanOf(word: string | undefined): boolean | undefined {
  return word === "true" ? true : word === "false" ? false : undefined;
}

/** The words of a command line; quotes and backslashes as the shell reads them. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  const piece = /(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?)+/g;
  for (const [word] of text.replace(/\\\r?\n/g, " ").matchAll(piece)) {
    words.push(
      word.replace(/"((?:[^"\\]|\\[\s\S])*)"?|'([^']*)'?|\\([\s\S])/g, (_, double, single, escaped) =>
        typeof double === "string" ? double.replace(/\\(["\\$`])/g, "$1") : ((single ?? escaped) as string),
      ),
    );
  }
  return words;
}
