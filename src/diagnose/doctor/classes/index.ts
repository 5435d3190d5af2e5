// Every failure class, in causal order. Written by `npm run generate` from the files of this folder; not edited by hand.

import type { FailureClass } from "../failure-class.ts";
import { failureClass as addonResourceSettingsContradict } from "./addon-resource-settings-contradict.ts";
import { failureClass as allSubnetsExcluded } from "./all-subnets-excluded.ts";
import { failureClass as apiServerUnreachableAtStart } from "./api-server-unreachable-at-start.ts";
import { failureClass as branchEniAnnotationBlocked } from "./branch-eni-annotation-blocked.ts";
import { failureClass as branchEniNotReady } from "./branch-eni-not-ready.ts";
import { failureClass as checkpointUnusable } from "./checkpoint-unusable.ts";
import { failureClass as cidrReservationExhaustedOrMisplaced } from "./cidr-reservation-exhausted-or-misplaced.ts";
import { failureClass as clusterUpdateNeeds5Ips } from "./cluster-update-needs-5-ips.ts";
import { failureClass as configurationDrift } from "./configuration-drift.ts";
import { failureClass as cooldownChurnExhaustion } from "./cooldown-churn-exhaustion.ts";
import { failureClass as customNetworkingBlockedByNodeWebhook } from "./custom-networking-blocked-by-node-webhook.ts";
import { failureClass as customNetworkingNoEniconfig } from "./custom-networking-no-eniconfig.ts";
import { failureClass as ec2ApiThrottled } from "./ec2-api-throttled.ts";
import { failureClass as eniAttachMetadataTimeout } from "./eni-attach-metadata-timeout.ts";
import { failureClass as eniAttachmentStuck } from "./eni-attachment-stuck.ts";
import { failureClass as eniCreateNoPrefixSpace } from "./eni-create-no-prefix-space.ts";
import { failureClass as eniLimitTableWrong } from "./eni-limit-table-wrong.ts";
import { failureClass as eniLoopHighCpu } from "./eni-loop-high-cpu.ts";
import { failureClass as eniNetworkSetupFailed } from "./eni-network-setup-failed.ts";
import { failureClass as eniQuotaExceeded } from "./eni-quota-exceeded.ts";
import { failureClass as eniconfigInvalidTarget } from "./eniconfig-invalid-target.ts";
import { failureClass as envValidationFailed } from "./env-validation-failed.ts";
import { failureClass as iamPermissionMissing } from "./iam-permission-missing.ts";
import { failureClass as iamPermissionMissingAtStartup } from "./iam-permission-missing-at-startup.ts";
import { failureClass as imdsStalePhantomEni } from "./imds-stale-phantom-eni.ts";
import { failureClass as imdsStalePrefixLoss } from "./imds-stale-prefix-loss.ts";
import { failureClass as imdsUnreachable } from "./imds-unreachable.ts";
import { failureClass as ipamdKilledByProbe } from "./ipamd-killed-by-probe.ts";
import { failureClass as ipamdNotRunning } from "./ipamd-not-running.ts";
import { failureClass as iptablesBackendMismatch } from "./iptables-backend-mismatch.ts";
import { failureClass as ipv6PrefixAssignDenied } from "./ipv6-prefix-assign-denied.ts";
import { failureClass as irsaTrustMisconfigured } from "./irsa-trust-misconfigured.ts";
import { failureClass as leakedEnisDrainSubnet } from "./leaked-enis-drain-subnet.ts";
import { failureClass as maxEniEnvCapsNode } from "./max-eni-env-caps-node.ts";
import { failureClass as maxPodsAboveEniCapacity } from "./max-pods-above-eni-capacity.ts";
import { failureClass as maxPodsIgnoresCustomNetworking } from "./max-pods-ignores-custom-networking.ts";
import { failureClass as maxPodsIgnoresTrunkEni } from "./max-pods-ignores-trunk-eni.ts";
import { failureClass as maxPodsNotRaised } from "./max-pods-not-raised.ts";
import { failureClass as minimumIpTargetWithoutWarmIpTarget } from "./minimum-ip-target-without-warm-ip-target.ts";
import { failureClass as mixedModeSharedSubnet } from "./mixed-mode-shared-subnet.ts";
import { failureClass as networkPolicyAgentFailed } from "./network-policy-agent-failed.ts";
import { failureClass as noSlotForTrunk } from "./no-slot-for-trunk.ts";
import { failureClass as nodeCordonedNoGrowth } from "./node-cordoned-no-growth.ts";
import { failureClass as noiseFailedToFindSandbox } from "./noise-failed-to-find-sandbox.ts";
import { failureClass as noiseNoFreeIpInCidr } from "./noise-no-free-ip-in-cidr.ts";
import { failureClass as nonNitroPrefixFallback } from "./non-nitro-prefix-fallback.ts";
import { failureClass as otherCniPlugin } from "./other-cni-plugin.ts";
import { failureClass as podIpAnnotationFailed } from "./pod-ip-annotation-failed.ts";
import { failureClass as podIpEqualsNodeIp } from "./pod-ip-equals-node-ip.ts";
import { failureClass as podNetworkSetupFailed } from "./pod-network-setup-failed.ts";
import { failureClass as prefixKnobSetNodesUnchanged } from "./prefix-knob-set-nodes-unchanged.ts";
import { failureClass as prefixModeNoWarmTarget } from "./prefix-mode-no-warm-target.ts";
import { failureClass as prefixSlotsHeldBySecondaryIps } from "./prefix-slots-held-by-secondary-ips.ts";
import { failureClass as privateIpLimitDesync } from "./private-ip-limit-desync.ts";
import { failureClass as provisioningDisabled } from "./provisioning-disabled.ts";
import { failureClass as schedulerPodEni } from "./scheduler-pod-eni.ts";
import { failureClass as schedulerTooManyPods } from "./scheduler-too-many-pods.ts";
import { failureClass as scpOrTagPolicyDeny } from "./scp-or-tag-policy-deny.ts";
import { failureClass as secondarySubnetNotDiscovered } from "./secondary-subnet-not-discovered.ts";
import { failureClass as securityGroupsPerEniExceeded } from "./security-groups-per-eni-exceeded.ts";
import { failureClass as sgpPodNoConnectivity } from "./sgp-pod-no-connectivity.ts";
import { failureClass as staleSandboxesHoldIps } from "./stale-sandboxes-hold-ips.ts";
import { failureClass as startupRacePoolNotFilled } from "./startup-race-pool-not-filled.ts";
import { failureClass as stsOrEc2EndpointUnreachable } from "./sts-or-ec2-endpoint-unreachable.ts";
import { failureClass as subnetFragmentedNoFree28 } from "./subnet-fragmented-no-free-28.ts";
import { failureClass as subnetFreeIpsExhausted } from "./subnet-free-ips-exhausted.ts";
import { failureClass as subnetTooSmallForPrefixMode } from "./subnet-too-small-for-prefix-mode.ts";
import { failureClass as trunkSlotReservedButAbsent } from "./trunk-slot-reserved-but-absent.ts";
import { failureClass as unknownInstanceType } from "./unknown-instance-type.ts";
import { failureClass as unmanagedEnisTakeSlots } from "./unmanaged-enis-take-slots.ts";
import { failureClass as versionSkew } from "./version-skew.ts";
import { failureClass as warmIpTargetTooThin } from "./warm-ip-target-too-thin.ts";
import { failureClass as warmPoolHoardsSubnet } from "./warm-pool-hoards-subnet.ts";
import { failureClass as warmTargetExceedsEniCapacity } from "./warm-target-exceeds-eni-capacity.ts";
import { failureClass as windowsLabelMissing } from "./windows-label-missing.ts";

export const FAILURE_CLASSES: readonly FailureClass[] = [
  addonResourceSettingsContradict,
  minimumIpTargetWithoutWarmIpTarget,
  prefixModeNoWarmTarget,
  envValidationFailed,
  configurationDrift,
  prefixKnobSetNodesUnchanged,
  provisioningDisabled,
  nodeCordonedNoGrowth,
  customNetworkingNoEniconfig,
  eniconfigInvalidTarget,
  customNetworkingBlockedByNodeWebhook,
  securityGroupsPerEniExceeded,
  allSubnetsExcluded,
  nonNitroPrefixFallback,
  unknownInstanceType,
  maxEniEnvCapsNode,
  unmanagedEnisTakeSlots,
  trunkSlotReservedButAbsent,
  noSlotForTrunk,
  maxPodsIgnoresCustomNetworking,
  maxPodsIgnoresTrunkEni,
  eniLimitTableWrong,
  eniAttachmentStuck,
  prefixSlotsHeldBySecondaryIps,
  privateIpLimitDesync,
  maxPodsAboveEniCapacity,
  maxPodsNotRaised,
  scpOrTagPolicyDeny,
  irsaTrustMisconfigured,
  iamPermissionMissingAtStartup,
  iamPermissionMissing,
  ipv6PrefixAssignDenied,
  stsOrEc2EndpointUnreachable,
  imdsUnreachable,
  apiServerUnreachableAtStart,
  subnetTooSmallForPrefixMode,
  cidrReservationExhaustedOrMisplaced,
  leakedEnisDrainSubnet,
  secondarySubnetNotDiscovered,
  warmPoolHoardsSubnet,
  mixedModeSharedSubnet,
  subnetFragmentedNoFree28,
  eniCreateNoPrefixSpace,
  subnetFreeIpsExhausted,
  eniQuotaExceeded,
  ec2ApiThrottled,
  cooldownChurnExhaustion,
  warmTargetExceedsEniCapacity,
  startupRacePoolNotFilled,
  warmIpTargetTooThin,
  imdsStalePhantomEni,
  imdsStalePrefixLoss,
  eniAttachMetadataTimeout,
  eniNetworkSetupFailed,
  checkpointUnusable,
  iptablesBackendMismatch,
  versionSkew,
  ipamdKilledByProbe,
  staleSandboxesHoldIps,
  branchEniAnnotationBlocked,
  branchEniNotReady,
  podIpAnnotationFailed,
  ipamdNotRunning,
  otherCniPlugin,
  networkPolicyAgentFailed,
  podNetworkSetupFailed,
  schedulerPodEni,
  schedulerTooManyPods,
  windowsLabelMissing,
  podIpEqualsNodeIp,
  sgpPodNoConnectivity,
  clusterUpdateNeeds5Ips,
  eniLoopHighCpu,
  noiseNoFreeIpInCidr,
  noiseFailedToFindSandbox,
];
