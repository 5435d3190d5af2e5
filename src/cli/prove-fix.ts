// What a proof of a fix needs beside the doctor's facts: the history of the pods, read from the logs at the same time, or a
// cluster file as scenario.

import { resolve } from "node:path";
import { formatCheckError } from "../cluster/index.ts";
import { doctorsReader, type LogReaderFor } from "../diagnose/collect/log-sets.ts";
import type { FactsPart } from "../diagnose/facts/model.ts";
import type { LogReader } from "../diagnose/readers/reader.ts";
import type { ProveCase } from "../prove/prove-case.ts";
import { caseOfScenario } from "../prove/scenario-case.ts";
import { LogHistory, type NodeHistory } from "../trace/log-history.ts";
import { checkFaults } from "../up/faults.ts";
import { loadCluster, loadPods } from "../up/index.ts";
import { inputError, readDump } from "./cluster-input.ts";
import { holdsHistory } from "./collect-trace.ts";

/** The case of a cluster file. Throws `CommandError` for what is wrong with it. */
export function scenarioCase(path: string): ProveCase {
  try {
    const loaded = loadCluster(path);
    const { cluster } = loaded;
    const pods = loadPods(loaded, []);
    for (const warning of pods.warnings) process.stderr.write(`warning: ${formatCheckError(warning)}\n`);
    return caseOfScenario({
      cluster,
      manifests: pods.manifests,
      traces: pods.traces,
      dump: cluster.vpc.kind === "dump" ? readDump(resolve(loaded.folder, cluster.vpc.path)) : undefined,
      faultsFor: (subnetIds) => checkFaults(cluster, subnetIds),
    });
  } catch (error) {
    throw inputError(error);
  }
}

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
