// A live cluster for the doctor: Kubernetes through the kubeconfig, then EC2 for the cluster's subnets; reads alone. What is
// denied is listed in `unread` with the command to run by hand.

import { collectEc2 } from "../diagnose/collect/ec2-live.ts";
import { collectKubernetes } from "../diagnose/collect/kubernetes-live.ts";
import { mergeFacts } from "../diagnose/facts/merge.ts";
import type { FactsPart } from "../diagnose/facts/model.ts";
import { systemClock } from "../drivers/clock-system.ts";
import { CommandError } from "./command-error.ts";
import { openProgress } from "./progress.ts";

export interface LiveFlags {
  readonly cluster?: string;
  readonly region?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export async function liveParts(flags: LiveFlags): Promise<FactsPart[]> {
  const clock = systemClock();
  const progress = openProgress(process.stderr, () => clock.nowMs());
  try {
    const kubernetes = await collectKubernetes({
      kubeconfig: flags.kubeconfig,
      context: flags.context,
      onProgress: ({ done, file }) => progress.update({ done, total: 0, label: file }),
    });
    const facts = mergeFacts(kubernetes);
    if (facts.read.length === 0) throw nothingRead(facts.unread[0]);
    const cluster = flags.cluster ?? facts.clusterName ?? clusterOf(flags.context);
    const eniConfigSubnetIds = facts.eniConfigs.flatMap((one) => one.subnetId?.value ?? []);
    if (cluster === undefined && eniConfigSubnetIds.length === 0) return [...kubernetes, withoutEc2()];
    progress.update({ done: 0, total: 0, label: "ec2" });
    const region = flags.region ?? facts.region;
    return [...kubernetes, ...(await collectEc2({ scope: { cluster }, region, eniConfigSubnetIds }))];
  } finally {
    progress.end();
  }
}

/** The name inside an EKS context: `arn:aws:eks:REGION:ACCOUNT:cluster/NAME`, or eksctl's `USER@NAME.REGION.eksctl.io`. */
export function clusterOf(context: string | undefined): string | undefined {
  if (context === undefined) return undefined;
  const match = /:cluster\/([\w-]+)$/.exec(context) ?? /@([\w-]+)\.[a-z0-9-]+\.eksctl\.io$/.exec(context);
  return match?.[1];
}

function withoutEc2(): FactsPart {
  return {
    unread: [
      {
        file: "ec2",
        reason: "not asked: the cluster's name is not known, so neither are its subnets",
        next: "Run it again with --cluster NAME.",
      },
    ],
  };
}

function nothingRead(
  first: { readonly file: string; readonly reason: string; readonly next?: string | undefined } | undefined,
) {
  return new CommandError(
    `the cluster cannot be read${first === undefined ? "" : `: ${first.file}: ${first.reason}`}`,
    {
      exitStatus: 3,
      next: first?.next ?? "kubectl get nodes   # with the same kubeconfig and context",
    },
  );
}
