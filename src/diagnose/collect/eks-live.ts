// What EKS tells of a cluster: the cluster itself, its add-on vpc-cni, its managed node groups. Read-only.

import {
  DescribeAddonCommand,
  DescribeClusterCommand,
  DescribeNodegroupCommand,
  EKSClient,
  ListNodegroupsCommand,
} from "@aws-sdk/client-eks";
import type { AwsCalls } from "./aws-calls.ts";
import type { Ec2LiveOptions } from "./ec2-live.ts";

export interface EksAnswers {
  readonly vpcId: string | undefined;
  readonly subnetIds: readonly string[];
  /** As the AWS CLI would print them. */
  readonly answers: readonly { readonly action: string; readonly answer: object }[];
}

export async function collectEks(cluster: string, calls: AwsCalls, options: Ec2LiveOptions): Promise<EksAnswers> {
  const endpoint = options.eksEndpointUrl ?? options.endpointUrl;
  const eks = new EKSClient({
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...options.client,
    maxAttempts: 3,
  });
  try {
    return await askEks(cluster, calls, eks);
  } finally {
    eks.destroy();
  }
}

async function askEks(cluster: string, calls: AwsCalls, eks: EKSClient): Promise<EksAnswers> {
  const answers: { action: string; answer: object }[] = [];
  const subnetIds: string[] = [];
  const by = (abortSignal: AbortSignal | undefined) => (abortSignal === undefined ? {} : { abortSignal });
  const described = await calls.one(
    { action: "eks:DescribeCluster", command: `aws eks describe-cluster --name ${cluster}` },
    (signal) => eks.send(new DescribeClusterCommand({ name: cluster }), by(signal)),
  );
  const vpc = described?.cluster?.resourcesVpcConfig;
  if (described?.cluster !== undefined) {
    answers.push({ action: "eks:DescribeCluster", answer: { cluster: described.cluster } });
    subnetIds.push(...(vpc?.subnetIds ?? []));
  }
  const addon = await calls.one(
    {
      action: "eks:DescribeAddon",
      command: `aws eks describe-addon --cluster-name ${cluster} --addon-name vpc-cni`,
    },
    (signal) =>
      eks.send(new DescribeAddonCommand({ clusterName: cluster, addonName: "vpc-cni" }), by(signal)).catch((error) => {
        // The CNI may run without being an add-on: nothing is missing then.
        if ((error as { name?: unknown }).name === "ResourceNotFoundException") return { addon: undefined };
        throw error;
      }),
  );
  if (addon?.addon !== undefined) answers.push({ action: "eks:DescribeAddon", answer: { addon: addon.addon } });
  const names = await calls.pages(
    { action: "eks:ListNodegroups", command: `aws eks list-nodegroups --cluster-name ${cluster}` },
    (nextToken, signal) => eks.send(new ListNodegroupsCommand({ clusterName: cluster, nextToken }), by(signal)),
    (page) => ({ items: page.nodegroups ?? [], nextToken: page.nextToken }),
  );
  for (const name of names.items) {
    const answer = await calls.one(
      {
        action: "eks:DescribeNodegroup",
        command: `aws eks describe-nodegroup --cluster-name ${cluster} --nodegroup-name ${name}`,
      },
      (signal) => eks.send(new DescribeNodegroupCommand({ clusterName: cluster, nodegroupName: name }), by(signal)),
    );
    if (answer?.nodegroup === undefined) continue;
    answers.push({ action: "eks:DescribeNodegroup", answer: { nodegroup: answer.nodegroup } });
    subnetIds.push(...(answer.nodegroup.subnets ?? []));
  }
  return { vpcId: vpc?.vpcId, subnetIds: [...new Set(subnetIds)], answers };
}
