// Reads logs twice at once, for the doctor's facts and for the history of the pods that a proof of the fix replays.

import { doctorsReader, type LogReaderFor } from "../diagnose/collect/log-sets.ts";
import type { FactsPart } from "../diagnose/facts/model.ts";
import type { LogReader } from "../diagnose/readers/reader.ts";
import { LogHistory, type NodeHistory } from "../trace/log-history.ts";
import { holdsHistory } from "./collect-trace.ts";

export interface HistoryCollector {
  readonly logReader: LogReaderFor;
  readonly histories: NodeHistory[];
}

export function collectHistories(): HistoryCollector {
  const histories: NodeHistory[] = [];
  return {
    histories,
    logReader(set) {
      const facts = doctorsReader(set);
      const [first] = set;
      if (facts === undefined || first === undefined || !holdsHistory(first.kind)) return facts;
      const history = new LogHistory({ node: first.node, onEnd: (found) => histories.push(found) });
      return new Both(facts, history);
    },
  };
}

class Both implements LogReader {
  readonly #facts: LogReader;
  readonly #history: LogReader;

  constructor(facts: LogReader, history: LogReader) {
    this.#facts = facts;
    this.#history = history;
  }

  begin(path: string): void {
    this.#facts.begin(path);
    this.#history.begin(path);
  }

  push(chunk: Uint8Array): void {
    this.#facts.push(chunk);
    this.#history.push(chunk);
  }

  end(): FactsPart {
    this.#history.end();
    return this.#facts.end();
  }
}
