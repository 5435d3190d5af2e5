// Pods reach a new node before its pool has its first addresses.

import type { LogDigest, Starvation } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { poolEvidence, refusedText, starvingNodes } from "../starving.ts";

const WINDOW_MS = 45_000;

export const failureClass = defineClass({
  id: "startup-race-pool-not-filled",
  title: "The first pods come before the first addresses",
  needs: ["logs", "sightings"],
  lookAlikes: ["warm-ip-target-too-thin"],
  docs: {
    what: "Refusals in the first seconds of a node's life only; then the pool has filled, and all is well.",
    why: "The CNI configuration is there as soon as the agent answers its health probe, and the pool may still be empty then (always possible before v1.12); DaemonSet pods come first. Errors about room at start do not keep the node from being ready since v1.10.2.",
    next: "Nothing, if it passes within half a minute; upgrade versions before v1.12; a startup taint that a controller removes.",
    prevention: "A version check.",
    sources: ["amazon-vpc-cni-k8s#330, #282, #525, #1724, #1923, #1523, #3410"],
  },
  look(facts, notes) {
    const raced = starvingNodes(facts)
      .map((one) => ({ ...one, early: one.runs.filter((run) => isEarly(run, one.logs)) }))
      .filter((one) => one.early.length > 0);
    const [worst] = raced;
    const run = worst?.early[0];
    if (worst === undefined || run === undefined) return;
    const isOnly = worst.runs.every((one) => worst.early.includes(one));
    notes.sign({ source: run.at, text: run.text }, ...quotes(sightingsOf(facts, "entrypoint-done", worst.node), 1));
    notes.affects({ nodes: raced.map((one) => one.node) });
    notes.seen(...raced.map((one) => one.occurrences));
    const isEmpty = run.poolFirst !== undefined && run.poolFirst.total === 0;
    notes.proof("the pool was still empty", isEmpty ? poolEvidence(run.poolFirst) : undefined, {
      what: "the pool at the first refusal",
      command:
        "sudo grep -h -e 'Starting L-IPAMD' -e 'IP stats' -e 'no available IP' /var/log/aws-routed-eni/ipamd.log | head -n 40",
    });
    notes.proof(
      "refusals ended by themselves and did not come back",
      isOnly ? [{ source: run.at, text: `${run.refusalCount} refusals, then addresses` }] : undefined,
      {
        what: "the log of the minutes after",
        command: "sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log   # on the node",
      },
    );
    if (run.ec2ErrorCount > 0)
      notes.against("EC2 refused calls meanwhile: the pool was empty for another reason", [
        { source: run.at, text: run.text },
      ]);
    notes.summary(
      `${refusedText(run.refusalCount)} within ${WINDOW_MS / 1000} s of the agent's start on ${worst.node ?? "the node"}, before the pool had its first addresses.`,
    );
    notes.fix(
      "None where it passes by itself: kubelet tries again. Before v1.12.0: upgrade the vpc-cni add-on",
      "Where pods cannot wait: a startup taint on the node that a controller removes once addresses are there",
    );
  },
});

/** Begins within seconds of an agent's start, with nothing in the pool. */
function isEarly(run: Starvation, logs: readonly LogDigest[]): boolean {
  const { firstMs } = run;
  // One that does not end by itself is another matter, whatever it is.
  if (run.endedBy !== "address") return false;
  if (firstMs === undefined || (run.poolFirst !== undefined && run.poolFirst.total > 0)) return false;
  return logs.some((log) =>
    log.starts.some((start) => start.ms !== undefined && firstMs >= start.ms && firstMs - start.ms <= WINDOW_MS),
  );
}
