// What answers the sockets, put together: addresses, branch ENIs, and pods where the agent has the node's network.

import { formatCidr } from "../base/ipv4.ts";
import type { Engine } from "../ipam/types.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Imds } from "../ports/imds.ts";
import type { Kube } from "../ports/kube.ts";
import type { Attachments } from "./attachments.ts";
import { BranchEnis } from "./branch-enis.ts";
import { CniService } from "./cni-service.ts";
import type { AgentConfig } from "./config.ts";
import type { EngineHost } from "./engine-host.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NodeNetwork } from "./network.ts";
import { PodNames } from "./pod-names.ts";
import { PodNetwork } from "./pod-network.ts";
import { policyAgent } from "./policy-agent.ts";

export interface ServiceParts {
  readonly config: AgentConfig;
  readonly engine: Engine;
  readonly host: EngineHost;
  readonly attachments: Attachments;
  readonly clock: Clock;
  readonly imds: Imds;
  readonly kube: Kube | undefined;
  readonly metrics: AgentMetrics;
  /** undefined: the agent gives addresses alone. */
  readonly network: { readonly datapath: Datapath; readonly node: NodeNetwork } | undefined;
}

export interface Services {
  readonly service: CniService;
  readonly pods: PodNetwork | undefined;
  close(): void;
}

export function buildServices(parts: ServiceParts): Services {
  const { attachments, clock, config, engine, host, imds, kube, metrics, network } = parts;
  const trunkEniId = () => engine.view(clock.nowMs()).trunkEniId;
  const trunkMac = () => network?.node.macOf(trunkEniId());
  const branchEnis = new BranchEnis({
    isOn: config.settings.podEni,
    kube,
    hasTrunk: () => trunkEniId() !== undefined,
  });
  const service = new CniService({
    engine,
    host,
    attachments,
    clock,
    imds,
    branchEnis,
    trunkLinkIndex: async () => {
      const mac = trunkMac();
      return mac === undefined ? 0 : ((await network?.datapath.linkIndexOf(mac)) ?? 0);
    },
    network: network?.node,
    metrics,
    externalSnat: config.network.hasExternalSnat,
    excludedSnatCidrs: config.network.excludedSnatCidrs.map(formatCidr),
    networkPolicyMode: config.networkPolicyMode,
    addDeadlineMs: config.settings.addDeadlineMs,
  });
  if (network === undefined) return { service, pods: undefined, close: () => {} };
  const { networkPolicyMode: mode, datapath: settings } = config;
  const policies = mode === "" ? undefined : policyAgent(settings.policyAgentSocketPath, mode);
  const pods = new PodNetwork({
    datapath: network.datapath,
    service,
    host,
    engine,
    attachments,
    names: new PodNames(attachments),
    branchEnis,
    clock,
    metrics,
    policyAgent: policies,
    nodeReady: network.node.ready,
    trunkMac,
    vethPrefix: config.network.vethPrefix,
    enforcingMode: settings.enforcingMode,
  });
  return { service, pods, close: () => policies?.close() };
}
