// Names that Kubernetes, eksctl and Terraform take, made of those of the cluster file.

/** Lower case letters, digits and `-`, 1 to 50 characters, all different, in the order given. */
export function uniqueNames(given: readonly string[]): string[] {
  const taken = new Set<string>();
  return given.map((name) => {
    const plain =
      name
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .slice(0, 50)
        .replace(/^-+|-+$/g, "") || "x";
    let candidate = plain;
    for (let number = 2; taken.has(candidate); number++) candidate = `${plain}-${number}`;
    taken.add(candidate);
    return candidate;
  });
}
