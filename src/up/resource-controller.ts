// The VPC resource controller's part in security groups for pods, as far as the node's pool notices it: when an agent announces
// the feature on its CNINode, a trunk ENI is created in the node's subnet and attached, through the EC2 API.

import type { Ms } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { UpNode } from "../world/world.ts";

/** Pauses between attempts: the controller's workqueue backs off from 5 ms to minutes; a node notices seconds. */
const RETRY_FIRST_MS: Ms = 1_000;
const RETRY_MAX_MS: Ms = 60_000;

export interface TrunkOptions {
  readonly node: UpNode;
  readonly ec2Url: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

/** Creates and attaches the node's trunk ENI; tries again until it worked or the run ends. Never rejects. */
export async function attachTrunk(options: TrunkOptions): Promise<void> {
  const { node, clock, signal, onText } = options;
  if (!node.limits.isTrunkingCompatible) {
    onText(`${node.name}: ${node.instanceType} cannot carry a trunk ENI`);
    return;
  }
  let pauseMs = RETRY_FIRST_MS;
  while (!signal.aborted) {
    const failure = await attachOnce(options);
    if (failure === undefined) return;
    onText(`${node.name}: trunk ENI: ${failure}`);
    await wait(clock, pauseMs, signal);
    pauseMs = Math.min(RETRY_MAX_MS, pauseMs * 2);
  }
}

/** undefined when the trunk is attached, else what EC2 said. */
async function attachOnce(options: TrunkOptions): Promise<string | undefined> {
  const { node } = options;
  const created = await call(options, {
    Action: "CreateNetworkInterface",
    SubnetId: node.subnetId,
    InterfaceType: "trunk",
    Description: "aws-k8s-trunk-eni",
    "TagSpecification.1.ResourceType": "network-interface",
    "TagSpecification.1.Tag.1.Key": "eks:eni:owner",
    "TagSpecification.1.Tag.1.Value": "eks-vpc-resource-controller",
  });
  const eniId = element(created.text, "networkInterfaceId");
  if (!created.isOk || eniId === undefined) return describe(created.text);
  const instance = await call(options, { Action: "DescribeInstances", "InstanceId.1": node.instanceId });
  const taken = new Set(
    [...instance.text.matchAll(/<deviceIndex>(\d+)<\/deviceIndex>/g)].map((match) => Number(match[1])),
  );
  let deviceIndex = 1;
  while (taken.has(deviceIndex)) deviceIndex++;
  const attached = await call(options, {
    Action: "AttachNetworkInterface",
    NetworkInterfaceId: eniId,
    InstanceId: node.instanceId,
    DeviceIndex: String(deviceIndex),
    NetworkCardIndex: "0",
  });
  if (!attached.isOk) {
    await call(options, { Action: "DeleteNetworkInterface", NetworkInterfaceId: eniId });
    return describe(attached.text);
  }
  await call(options, {
    Action: "ModifyNetworkInterfaceAttribute",
    NetworkInterfaceId: eniId,
    "Attachment.AttachmentId": element(attached.text, "attachmentId") ?? "",
    "Attachment.DeleteOnTermination": "true",
  });
  return undefined;
}

async function call(
  options: TrunkOptions,
  params: Readonly<Record<string, string>>,
): Promise<{ isOk: boolean; text: string }> {
  try {
    const body = new URLSearchParams({ Version: "2016-11-15", ...params });
    const response = await fetch(options.ec2Url, { method: "POST", body, signal: options.signal });
    return { isOk: response.ok, text: await response.text() };
  } catch (error) {
    return {
      isOk: false,
      text: `<Code>lost</Code><Message>${error instanceof Error ? error.message : error}</Message>`,
    };
  }
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function describe(xml: string): string {
  return `${element(xml, "Code") ?? "no answer"}: ${element(xml, "Message") ?? ""}`;
}

function wait(clock: Clock, ms: Ms, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.at(clock.nowMs() + ms, resolve);
    signal.addEventListener("abort", () => {
      cancel();
      resolve();
    });
  });
}
