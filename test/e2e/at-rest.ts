// When two books that are kept by two processes may be compared. One look at both can fall between a change of the first and
// the same change of the second: an agent takes a prefix out of its pool before its call reaches EC2, and a look reads the
// pool a moment before it reads EC2. So one look says nothing, neither that they agree nor that they do not: what counts is
// what many looks in a row have shown alike.

export interface Look {
  /** What does not fit, one line each. */
  readonly problems: readonly string[];
  /** All that was compared, as text: two looks with the same text saw the same. */
  readonly seen: string;
}

export interface RestOptions {
  /** So many looks in a row that agree and saw the same are rest. */
  readonly looksAlike: number;
  /** Between the looks. */
  readonly pause: () => Promise<unknown>;
  /** No further look after this is true. */
  readonly isOver: () => boolean;
}

/**
 * Nothing once the books agree and rest. Otherwise, at the end: what did not fit in the last look or, when the books agreed
 * in that one but not for long, that they never came to rest, with what did not fit last.
 */
export async function problemsAtRest(look: () => Promise<Look>, options: RestOptions): Promise<readonly string[]> {
  let alike = 0;
  let last: Look | undefined;
  let misfits: readonly string[] = [];
  for (;;) {
    const next = await look();
    if (next.problems.length > 0) {
      alike = 0;
      misfits = next.problems;
    } else alike = next.seen === last?.seen ? alike + 1 : 1;
    last = next;
    if (alike >= options.looksAlike) return [];
    if (options.isOver()) break;
    await options.pause();
  }
  if (last.problems.length > 0) return last.problems;
  return [
    `the books never came to rest; the last look agreed: ${last.seen}`,
    ...misfits.map((misfit) => `came and went: ${misfit}`),
  ];
}
