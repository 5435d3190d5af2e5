// The node's instance metadata does not answer the agent.

import type { Evidence, Facts } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";

/** Metadata that answers "not there" is stale, not unreachable. */
const NOT_THERE = /(?:status code:|StatusCode:|HTTP) 404|Not Found/;

const COUNT_MIN = 3;

/** What metadata says by its status (EC2 user guide: IMDSv2). */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["401", "refuses for want of a token (401)"],
  ["403", "is disabled (403)"],
]);

export const failureClass = defineClass({
  id: "imds-unreachable",
  title: "instance metadata cannot be reached",
  needs: ["sightings", "logs", "nodes", "introspection", "pods", "instances", "enis"],
  lookAlikes: [],
  causes: ["ipamd-not-running", "ipamd-killed-by-probe"],
  docs: {
    what: "The agent gets no answer from the instance metadata service and so cannot learn its own node.",
    why: "Metadata is disabled, wants a token that an old SDK does not send (401), has hop limit 1 while aws-node is not on the host network, is caught by an iptables rule, eBPF program or credential proxy, or is overloaded. At start this ends the agent; later it only stops reconciling. A 404 below an ENI's path is stale metadata, another matter.",
    next: "Enable metadata on the instances, raise the hop limit to 2 where something proxies, exempt aws-node from interception; upgrade CNIs that cannot use tokens.",
    prevention: "A linter checks the metadata options of launch templates and EC2NodeClasses.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1038",
      "amazon-vpc-cni-k8s troubleshooting: IMDS",
      "amazon-vpc-cni-k8s v1.10.0 release notes",
    ],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, "metadata-unreachable").filter(
      (one) => !one.occurrences.samples.every(({ text }) => NOT_THERE.test(text)),
    );
    if (lines.length === 0) return;
    const index = new NodeIndex(facts);
    const nodes = [...new Set(lines.map((one) => index.nodeOf(one)))];
    const options = nodes.flatMap((node) => closedMetadata(index.instance(node)));
    const ends = endedStarts(facts);
    const count = lines.reduce((sum, one) => sum + one.occurrences.count, 0);
    const isWhole = facts.logs.some((log) => !log.isExcerpt && nodes.includes(index.nodeOf(log)));
    // An agent that serves and missed metadata once or twice in a whole log is not out of reach.
    if (isWhole && count < COUNT_MIN && options.length + ends.length === 0) return;
    notes.sign(...quotes(lines));
    notes.affects({ nodes });
    notes.seen(...lines.map((one) => one.occurrences));
    notes.sign(...options);
    notes.proof("the agent gets no metadata", quotes(lines, 2), {
      what: "the agent's log",
      command: "sudo grep -i -e metadata -e 169.254.169.254 /var/log/aws-routed-eni/ipamd.log | tail -n 10",
    });
    const [node] = nodes;
    const instanceId = index.instance(node)?.id ?? index.node(node)?.instanceId ?? "INSTANCE_ID";
    notes.proof(
      "it is not a passing hiccup: the agent ends on it, or the instance's options close it",
      [...options, ...ends],
      {
        what: "whether metadata answers on the node, and the instance's metadata options",
        command: `curl -sS -m 3 -H "X-aws-ec2-metadata-token: $(curl -sS -m 3 -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')" http://169.254.169.254/latest/meta-data/instance-id   # on the node; then: aws ec2 describe-instances --instance-ids ${instanceId} --output json > instances.json`,
      },
    );
    const text = lines.flatMap((one) => one.occurrences.samples.map((sample) => sample.text)).join(" ");
    const status = /(?:status code:|StatusCode:|HTTP) (?<status>\d{3})/.exec(text)?.groups?.status;
    const how = status === undefined ? "does not answer" : (REFUSALS.get(status) ?? `answers with status ${status}`);
    const where = nodes.length > 1 ? `${nodes.length} nodes` : (node ?? "the node");
    const effect = ends.length > 0 ? "the agent ends at its start" : "the agent cannot see its ENIs";
    notes.summary(`Instance metadata ${how} on ${where}: ${effect}.`);
    notes.fix(
      `aws ec2 modify-instance-metadata-options --instance-id ${instanceId} --http-endpoint enabled --http-tokens required --http-put-response-hop-limit 2`,
      "sudo iptables-save -t nat | grep 169.254.169.254   # on the node: a rule that catches it must exempt aws-node",
      "Set the same in the launch template (MetadataOptions) or EC2NodeClass (spec.metadataOptions), so that new nodes have it",
    );
  },
});

/** Options of the instance that keep the agent out. */
function closedMetadata(instance: Facts["instances"][number] | undefined): Evidence[] {
  const options = instance?.metadataOptions;
  if (options?.httpEndpoint !== "disabled") return [];
  return [{ source: options.at, text: `MetadataOptions.HttpEndpoint ${options.httpEndpoint}` }];
}

/** Starts that did not get further than metadata, and the fatal line that says so. */
function endedStarts(facts: Pick<Facts, "logs" | "sightings">): Evidence[] {
  const isMetadata = (text: string): boolean =>
    /metadata|169\.254\.169\.254|ec2imds/i.test(text) && !NOT_THERE.test(text);
  const fatal = sightingsOf(facts, "initialization-failure").flatMap((one) => one.occurrences.samples);
  const lines = sightingsOf(facts, "metadata-unreachable").flatMap((one) => one.occurrences.samples);
  const region = lines.filter(({ text }) => /region data/.test(text));
  const starts = facts.logs
    .flatMap((log) => log.starts)
    .filter((start) => !start.isServing && isMetadata(start.lastText));
  return [
    ...fatal.filter(({ text }) => isMetadata(text)).slice(0, 1),
    ...starts.map((start) => ({ source: start.at, text: start.lastText })).slice(0, 2),
    // Without its region the agent never starts: this line is always the end.
    ...region.slice(0, 1),
  ];
}
