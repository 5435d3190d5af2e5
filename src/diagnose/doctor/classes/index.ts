// Every failure class, in causal order. Written by `npm run generate` from the files of this folder; not edited by hand.

import type { FailureClass } from "../failure-class.ts";
import { failureClass as allSubnetsExcluded } from "./all-subnets-excluded.ts";
import { failureClass as cidrReservationExhaustedOrMisplaced } from "./cidr-reservation-exhausted-or-misplaced.ts";
import { failureClass as ec2ApiThrottled } from "./ec2-api-throttled.ts";
import { failureClass as eniAttachMetadataTimeout } from "./eni-attach-metadata-timeout.ts";
import { failureClass as eniAttachmentStuck } from "./eni-attachment-stuck.ts";
import { failureClass as eniCreateNoPrefixSpace } from "./eni-create-no-prefix-space.ts";
import { failureClass as eniLimitTableWrong } from "./eni-limit-table-wrong.ts";
import { failureClass as eniQuotaExceeded } from "./eni-quota-exceeded.ts";
import { failureClass as iamPermissionMissing } from "./iam-permission-missing.ts";
import { failureClass as iamPermissionMissingAtStartup } from "./iam-permission-missing-at-startup.ts";
import { failureClass as imdsStalePhantomEni } from "./imds-stale-phantom-eni.ts";
import { failureClass as imdsStalePrefixLoss } from "./imds-stale-prefix-loss.ts";
import { failureClass as imdsUnreachable } from "./imds-unreachable.ts";
import { failureClass as irsaTrustMisconfigured } from "./irsa-trust-misconfigured.ts";
import { failureClass as leakedEnisDrainSubnet } from "./leaked-enis-drain-subnet.ts";
import { failureClass as maxEniEnvCapsNode } from "./max-eni-env-caps-node.ts";
import { failureClass as maxPodsAboveEniCapacity } from "./max-pods-above-eni-capacity.ts";
import { failureClass as maxPodsIgnoresCustomNetworking } from "./max-pods-ignores-custom-networking.ts";
import { failureClass as maxPodsIgnoresTrunkEni } from "./max-pods-ignores-trunk-eni.ts";
import { failureClass as maxPodsNotRaised } from "./max-pods-not-raised.ts";
import { failureClass as mixedModeSharedSubnet } from "./mixed-mode-shared-subnet.ts";
import { failureClass as noSlotForTrunk } from "./no-slot-for-trunk.ts";
import { failureClass as nonNitroPrefixFallback } from "./non-nitro-prefix-fallback.ts";
import { failureClass as prefixSlotsHeldBySecondaryIps } from "./prefix-slots-held-by-secondary-ips.ts";
import { failureClass as privateIpLimitDesync } from "./private-ip-limit-desync.ts";
import { failureClass as scpOrTagPolicyDeny } from "./scp-or-tag-policy-deny.ts";
import { failureClass as secondarySubnetNotDiscovered } from "./secondary-subnet-not-discovered.ts";
import { failureClass as securityGroupsPerEniExceeded } from "./security-groups-per-eni-exceeded.ts";
import { failureClass as stsOrEc2EndpointUnreachable } from "./sts-or-ec2-endpoint-unreachable.ts";
import { failureClass as subnetFragmentedNoFree28 } from "./subnet-fragmented-no-free-28.ts";
import { failureClass as subnetFreeIpsExhausted } from "./subnet-free-ips-exhausted.ts";
import { failureClass as subnetTooSmallForPrefixMode } from "./subnet-too-small-for-prefix-mode.ts";
import { failureClass as trunkSlotReservedButAbsent } from "./trunk-slot-reserved-but-absent.ts";
import { failureClass as unknownInstanceType } from "./unknown-instance-type.ts";
import { failureClass as unmanagedEnisTakeSlots } from "./unmanaged-enis-take-slots.ts";
import { failureClass as warmPoolHoardsSubnet } from "./warm-pool-hoards-subnet.ts";

export const FAILURE_CLASSES: readonly FailureClass[] = [
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
  stsOrEc2EndpointUnreachable,
  imdsUnreachable,
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
  imdsStalePhantomEni,
  imdsStalePrefixLoss,
  eniAttachMetadataTimeout,
];
