// Calls to STS or EC2 get no answer: a private network without a working endpoint.

import type { Evidence, Facts, NodeKey } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { times } from "../wording.ts";

/** Start to kill by the liveness probe: 60 s of initial delay and three failures, with some slack. */
const PROBE_KILL_MS = { least: 45_000, most: 240_000 };
const METADATA = /169\.254\.169\.254|fd00:ec2::254|EC2Metadata|ec2imds/;
const ENDPOINT = /(?<host>(?:sts|ec2|eks-auth)[\w.-]*\.amazonaws\.com(?:\.cn)?)/;

export const failureClass = defineClass({
  id: "sts-or-ec2-endpoint-unreachable",
  title: "STS or EC2 cannot be reached from the node",
  needs: ["ec2Errors", "sightings", "logs", "region"],
  lookAlikes: [],
  causes: ["ipamd-not-running", "ipamd-killed-by-probe"],
  docs: {
    what: "The agent's calls to STS or EC2 get no answer, so it hangs at its first call until the probe kills it.",
    why: "No NAT and no interface endpoints for ec2 and sts (or eks-auth), an endpoint whose security group refuses the nodes, a black-holed private DNS name, the global STS endpoint, or a proxy. The log just stops after the primary ENI was read from metadata and begins again about 90 s later. A refusal by IAM comes at once and names itself; metadata that cannot be reached stops earlier.",
    next: "Create the endpoints with private DNS and a security group that admits port 443 from the nodes; set AWS_STS_REGIONAL_ENDPOINTS=regional; correct NO_PROXY.",
    prevention: "A linter asks private subnets without NAT for endpoints of ec2, sts or eks-auth, ecr and s3.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2262",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/647",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1847",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2073",
    ],
  },
  look(facts, notes) {
    const unanswered = facts.ec2Errors.filter(
      (one) => (one.code === "Timeout" || one.code === "Connection") && !METADATA.test(one.message),
    );
    const lines = sightingsOf(facts, "request-send-failed").filter(
      (one) => !one.occurrences.samples.some(({ text }) => METADATA.test(text)),
    );
    const silences = [...silentStarts(facts), ...silenceBeforeStart(facts)];
    if (unanswered.length === 0 && lines.length === 0 && silences.length === 0) return;
    const texts = [...unanswered, ...lines].flatMap((one) => one.occurrences.samples);
    const named = texts.filter(({ text }) => ENDPOINT.test(text));
    const silent = silences.map((one) => one.evidence);
    notes.sign(...named.slice(0, 2), ...texts.slice(0, 2), ...silent.slice(0, 3));
    notes.affects({ nodes: [...[...unanswered, ...lines].map((one) => one.node), ...silences.map((one) => one.node)] });
    notes.seen(...(unanswered.length > 0 ? unanswered : lines).map((one) => one.occurrences));
    if (texts.length === 0) notes.seen({ count: silences.length });
    const region = facts.region ?? "REGION";
    notes.proof("the agent hangs at a call to STS or EC2", [...named, ...texts, ...silent].slice(0, 3), {
      what: "the agent's log around its starts",
      command: "sudo grep -B 2 'Starting L-IPAMD' /var/log/aws-routed-eni/ipamd.log | tail -n 20",
    });
    // Silence may be a starved node or a role that STS refuses, too: only a named endpoint without an answer decides.
    notes.proof("the endpoint does not answer", named.slice(0, 2), {
      what: "whether the endpoints answer from the node",
      command: `curl -sS -m 5 -o /dev/null https://sts.${region}.amazonaws.com && curl -sS -m 5 -o /dev/null https://ec2.${region}.amazonaws.com   # on the node; a hang or a refusal decides`,
    });
    answers(
      facts,
      notes,
      unanswered.map((one) => one.occurrences.firstMs),
    );
    const host = named.map(({ text }) => ENDPOINT.exec(text)?.groups?.host).find((one) => one !== undefined);
    notes.summary(
      named.length > 0
        ? `The agent gets no answer from ${host}: without it there are no credentials or no EC2 calls, and the node gets no network.`
        : `The agent falls silent at its first EC2 or STS call, right after it read the primary ENI from metadata, and is started again ${times(silences.length)}.`,
    );
    const services = host === undefined ? "ec2 and sts" : (host.split(".")[0] ?? "sts");
    notes.fix(
      `aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=VPC --query 'VpcEndpoints[].[ServiceName,State,PrivateDnsEnabled,Groups[].GroupId]'   # is there one for ${services}?`,
      `aws ec2 create-vpc-endpoint --vpc-id VPC --vpc-endpoint-type Interface --private-dns-enabled --service-name com.amazonaws.${region}.sts --subnet-ids SUBNETS --security-group-ids GROUP   # the same for ec2; with Pod Identity eks-auth`,
      "Admit port 443 from the nodes' security group in the endpoint's security group; set AWS_STS_REGIONAL_ENDPOINTS=regional on aws-node",
    );
  },
});

interface Silence {
  readonly node: NodeKey | undefined;
  readonly evidence: Evidence;
}

/** Starts that stop at the primary ENI and are followed by another start after a probe's time. */
function silentStarts(facts: Pick<Facts, "logs">): Silence[] {
  return facts.logs.flatMap((log) =>
    log.starts.flatMap((start, index) => {
      const next = log.starts[index + 1];
      const { ms, lastMs = ms, lastText, at } = start;
      if (start.isServing || !/Found ENI: eni-[0-9a-f]+, MAC .*, device 0/.test(lastText)) return [];
      if (next?.ms === undefined || lastMs === undefined) return [];
      const gap = next.ms - lastMs;
      if (gap < PROBE_KILL_MS.least || gap > PROBE_KILL_MS.most) return [];
      return [
        {
          node: log.node,
          evidence: {
            source: at,
            text: `${lastText} ... then nothing for ${Math.round(gap / 1000)} s until the next start`,
          },
        },
      ];
    }),
  );
}

/** A paste that begins after a start: the primary ENI, then nothing until the next start. */
function silenceBeforeStart(facts: Pick<Facts, "logs" | "sightings">): Silence[] {
  return facts.logs.flatMap((log) => {
    const next = log.starts[0]?.ms;
    if (next === undefined || log.pool.length > 0) return [];
    return facts.sightings
      .filter((one) => one.signal === "primary-eni-found" && one.node === log.node)
      .flatMap(({ occurrences: { firstMs, samples } }) => {
        const [sample] = samples;
        const gap = firstMs === undefined ? 0 : next - firstMs;
        if (sample === undefined || gap < PROBE_KILL_MS.least || gap > PROBE_KILL_MS.most) return [];
        return [
          {
            node: log.node,
            evidence: { ...sample, text: `${sample.text} ... then nothing for ${Math.round(gap / 1000)} s` },
          },
        ];
      })
      .slice(0, 1);
  });
}

/** An answer of EC2's after the silence began shows that it can be reached. */
function answers(
  facts: Pick<Facts, "ec2Errors">,
  notes: Parameters<(typeof failureClass)["look"]>[1],
  begun: readonly (number | undefined)[],
): void {
  const first = begun.reduce<number | undefined>(
    (least, ms) => (ms === undefined ? least : Math.min(ms, least ?? ms)),
    undefined,
  );
  if (first === undefined) return;
  const answered = facts.ec2Errors.filter(
    (one) => one.code !== "Timeout" && one.code !== "Connection" && (one.occurrences.lastMs ?? 0) > first,
  );
  if (answered.length > 0)
    notes.against(
      `EC2 or STS did answer later (${answered[0]?.code}): the endpoint can be reached`,
      quotes(answered, 2),
    );
}
