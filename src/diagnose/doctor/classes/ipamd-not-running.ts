// Nothing answers on the agent's socket: the family of which the other daemon classes are the members.

import type { Facts, Sighting } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { agentPods, endedStarts, noteSightings, saidBy, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "ipamd-not-running",
  title: "the agent does not run or does not answer",
  needs: ["sightings", "pods", "logs", "introspection"],
  lookAlikes: [],
  docs: {
    what: "The plugin reaches no agent on the node, so every pod is refused, whatever addresses there are.",
    why: "The aws-node container is absent, restarting, or waits at its start: for the API server, for metadata, for credentials or for an EC2 call. This class says only that nothing answers; the last lines of ipamd.log before each restart name the member of the family. Seconds of it after a restart are normal.",
    next: "Read the last lines of ipamd.log before each start and the state of the aws-node pod on that node; continue with the class that they name.",
    prevention: "An alert on aws-node pods that are not ready; CPU requests and probe timeouts that fit large nodes.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/330",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1055",
    ],
  },
  look(facts, notes) {
    const refused = sightingsOf(facts, ["agent-connection-refused", "agent-unreachable"]);
    const down = agentPods(facts).filter(({ container }) => !container.isReady && container.restartCount > 0);
    const silent = facts.introspection.filter((page) => page.isEmpty);
    const waiting = waitingEntrypoints(facts);
    if (refused.length === 0 && down.length === 0 && waiting.length === 0) return;
    noteSightings(notes, refused);
    notes.sign(...quotes(waiting, 2));
    notes.sign(...down.map((one) => one.evidence).slice(0, 3));
    const nodes = [...[...refused, ...waiting].map((one) => one.node), ...down.map(({ pod }) => pod.node)];
    notes.affects({ nodes });
    notes.proof("the agent does not answer", quotes(refused, 2), {
      what: "kubelet's events: connection refused, or no such file, on the agent's socket",
      command: "kubectl get events -A --field-selector reason=FailedCreatePodSandBox -o json > events.json",
    });
    const ends = endedStarts(facts).filter(({ start }) => !start.isServing);
    const pages = silent.map((page) => ({ source: page.at, text: "the page is empty: the agent did not answer" }));
    const state = [...down.map((one) => one.evidence), ...ends.map((one) => one.evidence), ...pages];
    notes.proof("its container is not up", state.slice(0, 4), {
      what: "the state and last exit of the aws-node containers, and the agent's last lines",
      command:
        "kubectl -n kube-system get pods -l k8s-app=aws-node -o json > aws-node-pods.json; sudo tail -n 200 /var/log/aws-routed-eni/ipamd.log   # the latter on the node",
    });
    const worst = down.reduce((most, { container }) => Math.max(most, container.restartCount), 0);
    const restarts = worst > 0 ? ` (${worst} restarts)` : "";
    const last = ends[0]?.start.lastText;
    const says =
      refused.length === 0 && down.length === 0
        ? "The container waits for its agent, and no line says that it came up, on"
        : "Nothing answers on the agent's socket of";
    notes.summary(
      `${says} ${whereText(nodes)}${restarts}${last === undefined ? "" : `; its last start ended at: ${saidBy(last)}`}`,
    );
    const pod = down[0]?.pod.name ?? "AWS_NODE_POD";
    notes.fix(
      `kubectl -n kube-system describe pod ${pod}; kubectl -n kube-system logs ${pod} -c aws-node --previous   # the reason of the last exit`,
      "sudo grep -B 5 'Starting L-IPAMD' /var/log/aws-routed-eni/ipamd.log   # on the node: the last line before each start names the cause",
      `kubectl -n kube-system delete pod ${pod}   # only once the cause is gone`,
    );
  },
});

/** The container's script waits, and nothing of that node tells that the wait ended. */
function waitingEntrypoints(facts: Pick<Facts, "sightings" | "logs">): Sighting[] {
  const ended = sightingsOf(facts, ["entrypoint-done", "no-address", "add-reply-refused"]);
  const serving = facts.logs.filter((log) => log.successCount > 0 || log.starts.at(-1)?.isServing === true);
  const up = [...ended, ...serving].map((one) => one.node);
  return sightingsOf(facts, "entrypoint-waiting").filter((one) => !up.includes(one.node));
}
