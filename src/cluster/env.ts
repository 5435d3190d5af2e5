// The few values of the agent's environment that a cluster file's checks need. The agent itself parses the rest.

/** What Go's `strconv.ParseBool` takes for true. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && ["1", "t", "T", "true", "TRUE", "True"].includes(text);
}
