// The list that `slash28 plan --emit` leaves beside its files: ours, and no fact about a cluster.

import type { FileReader } from "../reader.ts";

export const emittedListReader: FileReader = {
  kind: "list of slash28 plan --emit",
  recognises: ({ head }) => /^\s*\{\s*"schema":\s*"slash28\/emit\/v1"/.test(head),
  read: ({ path }) => ({ read: [{ file: path, kind: "list of slash28 plan --emit" }] }),
};
