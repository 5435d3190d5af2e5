// All lint rules, in the order of their codes. Codes are permanent: a retired one is never given again.

import type { LintRule } from "../rule.ts";
import { rule as addressFamiliesContradict } from "./address-families-contradict.ts";
import { rule as annotatePodIpWithoutPatch } from "./annotate-pod-ip-without-patch.ts";
import { rule as blanksAroundValue } from "./blanks-around-value.ts";
import { rule as booleanNotUnderstood } from "./boolean-not-understood.ts";
import { rule as bootstrapFlagsOnAl2023 } from "./bootstrap-flags-on-al2023.ts";
import { rule as branchEniCooldownTooShort } from "./branch-eni-cooldown-too-short.ts";
import { rule as clusterRoleWithoutResourceController } from "./cluster-role-without-resource-controller.ts";
import { rule as conflistCniVersionUnknown } from "./conflist-cni-version-unknown.ts";
import { rule as conflistEnforcingModeUnknown } from "./conflist-enforcing-mode-unknown.ts";
import { rule as conflistLogToStdout } from "./conflist-log-to-stdout.ts";
import { rule as conflistMtuWithoutEffect } from "./conflist-mtu-without-effect.ts";
import { rule as conflistPathRelative } from "./conflist-path-relative.ts";
import { rule as conflistVethPrefixRefused } from "./conflist-veth-prefix-refused.ts";
import { rule as conflistWithoutAwsCni } from "./conflist-without-aws-cni.ts";
import { rule as cooldownNotANumber } from "./cooldown-not-a-number.ts";
import { rule as cooldownOutOfRange } from "./cooldown-out-of-range.ts";
import { rule as cordonedNodeDoesNotGrow } from "./cordoned-node-does-not-grow.ts";
import { rule as earlyDemuxWithStrictPodEni } from "./early-demux-with-strict-pod-eni.ts";
import { rule as ec2EndpointWithoutEffect } from "./ec2-endpoint-without-effect.ts";
import { rule as eniQuotaNear } from "./eni-quota-near.ts";
import { rule as eniTagsNotUnderstood } from "./eni-tags-not-understood.ts";
import { rule as eniWithBothKinds } from "./eni-with-both-kinds.ts";
import { rule as eniconfigByLabelUnset } from "./eniconfig-by-label-unset.ts";
import { rule as eniconfigGroupInOtherVpc } from "./eniconfig-group-in-other-vpc.ts";
import { rule as eniconfigInOtherZone } from "./eniconfig-in-other-zone.ts";
import { rule as eniconfigLabelLegacy } from "./eniconfig-label-legacy.ts";
import { rule as eniconfigSubnetUnknown } from "./eniconfig-subnet-unknown.ts";
import { rule as eniconfigWithoutCustomNetworking } from "./eniconfig-without-custom-networking.ts";
import { rule as fixedMaxPodsOverOpenNodepool } from "./fixed-max-pods-over-open-nodepool.ts";
import { rule as hopLimitOne } from "./hop-limit-one.ts";
import { rule as iamActionMissing } from "./iam-action-missing.ts";
import { rule as iamDescribeSecurityGroupsMissing } from "./iam-describe-security-groups-missing.ts";
import { rule as iamExplicitDeny } from "./iam-explicit-deny.ts";
import { rule as iamIpv6ActionMissing } from "./iam-ipv6-action-missing.ts";
import { rule as imagesOfDifferentVersions } from "./images-of-different-versions.ts";
import { rule as ipTargetsAboveOneEni } from "./ip-targets-above-one-eni.ts";
import { rule as ipv6NeedsPrefixMode } from "./ipv6-needs-prefix-mode.ts";
import { rule as ipv6OnTypeWithoutPrefixes } from "./ipv6-on-type-without-prefixes.ts";
import { rule as karpenterNeedsReservedEnis } from "./karpenter-needs-reserved-enis.ts";
import { rule as kubeReservedTooSmall } from "./kube-reserved-too-small.ts";
import { rule as leakedEniCleanupOff } from "./leaked-eni-cleanup-off.ts";
import { rule as logLevelHidesPool } from "./log-level-hides-pool.ts";
import { rule as logNotInFile } from "./log-not-in-file.ts";
import { rule as manySmallSubnets } from "./many-small-subnets.ts";
import { rule as maxEniCapsNode } from "./max-eni-caps-node.ts";
import { rule as maxEniWithoutEffect } from "./max-eni-without-effect.ts";
import { rule as maxPodsAboveEniCapacity } from "./max-pods-above-eni-capacity.ts";
import { rule as maxPodsAboveTestedDensity } from "./max-pods-above-tested-density.ts";
import { rule as maxPodsExpressionOverridden } from "./max-pods-expression-overridden.ts";
import { rule as maxPodsExpressionUnknownName } from "./max-pods-expression-unknown-name.ts";
import { rule as maxPodsIgnoresCustomNetworking } from "./max-pods-ignores-custom-networking.ts";
import { rule as maxPodsIgnoresTrunkEni } from "./max-pods-ignores-trunk-eni.ts";
import { rule as maxPodsNeedsMoreThanSubnet } from "./max-pods-needs-more-than-subnet.ts";
import { rule as maxPodsOnTypeWithoutPrefixes } from "./max-pods-on-type-without-prefixes.ts";
import { rule as maxPodsStillSecondary } from "./max-pods-still-secondary.ts";
import { rule as metadataServiceOff } from "./metadata-service-off.ts";
import { rule as minimumIpTargetAboveMaxPods } from "./minimum-ip-target-above-max-pods.ts";
import { rule as minimumIpTargetAddsNothing } from "./minimum-ip-target-adds-nothing.ts";
import { rule as minimumIpTargetRoundsUp } from "./minimum-ip-target-rounds-up.ts";
import { rule as minimumIpTargetWithoutWarmIpTarget } from "./minimum-ip-target-without-warm-ip-target.ts";
import { rule as mtuOutOfRange } from "./mtu-out-of-range.ts";
import { rule as nauNearQuota } from "./nau-near-quota.ts";
import { rule as networkPolicyModeUnknown } from "./network-policy-mode-unknown.ts";
import { rule as nodeOlderThanPrefixMode } from "./node-older-than-prefix-mode.ts";
import { rule as nodeclassWithoutMaxPods } from "./nodeclass-without-max-pods.ts";
import { rule as nodepoolAllowsNonNitro } from "./nodepool-allows-non-nitro.ts";
import { rule as numberNotUnderstood } from "./number-not-understood.ts";
import { rule as oneMaxPodsForUnlikeTypes } from "./one-max-pods-for-unlike-types.ts";
import { rule as pluginLogToStdout } from "./plugin-log-to-stdout.ts";
import { rule as podEniOnTypeWithoutTrunk } from "./pod-eni-on-type-without-trunk.ts";
import { rule as podEniWithoutPolicy } from "./pod-eni-without-policy.ts";
import { rule as podSecurityGroupModeUnknown } from "./pod-security-group-mode-unknown.ts";
import { rule as podSubnetUntagged } from "./pod-subnet-untagged.ts";
import { rule as policyAgentTooOld } from "./policy-agent-too-old.ts";
import { rule as policyWithoutPodEni } from "./policy-without-pod-eni.ts";
import { rule as prefixModeBeforeSupport } from "./prefix-mode-before-support.ts";
import { rule as prefixModeWithoutWarmTarget } from "./prefix-mode-without-warm-target.ts";
import { rule as probeTimeoutShort } from "./probe-timeout-short.ts";
import { rule as provisioningOff } from "./provisioning-off.ts";
import { rule as requiredEniTagMissing } from "./required-eni-tag-missing.ts";
import { rule as reservationHoldsNoPrefix } from "./reservation-holds-no-prefix.ts";
import { rule as reservationInOtherSubnet } from "./reservation-in-other-subnet.ts";
import { rule as reservationNotForPrefixes } from "./reservation-not-for-prefixes.ts";
import { rule as reservationOutsideSubnet } from "./reservation-outside-subnet.ts";
import { rule as reservationOverUsedAddresses } from "./reservation-over-used-addresses.ts";
import { rule as reservationsLeaveNoSingleAddresses } from "./reservations-leave-no-single-addresses.ts";
import { rule as reservationsSmallerThanDemand } from "./reservations-smaller-than-demand.ts";
import { rule as scopedPolicyNeedsClusterName } from "./scoped-policy-needs-cluster-name.ts";
import { rule as settingAtWrongLevel } from "./setting-at-wrong-level.ts";
import { rule as sharedSubnetWithoutReservation } from "./shared-subnet-without-reservation.ts";
import { rule as sourcesDisagree } from "./sources-disagree.ts";
import { rule as subnetFragmented } from "./subnet-fragmented.ts";
import { rule as subnetTaggedForOtherCluster } from "./subnet-tagged-for-other-cluster.ts";
import { rule as subnetTagsBeforeSupport } from "./subnet-tags-before-support.ts";
import { rule as subnetTagsNeverRead } from "./subnet-tags-never-read.ts";
import { rule as subnetTooSmallForPrefixes } from "./subnet-too-small-for-prefixes.ts";
import { rule as subnetsTooSmallForFleet } from "./subnets-too-small-for-fleet.ts";
import { rule as tooManySecurityGroups } from "./too-many-security-groups.ts";
import { rule as trustPolicyForOtherAccount } from "./trust-policy-for-other-account.ts";
import { rule as twoInstallers } from "./two-installers.ts";
import { rule as typeWithoutPrefixes } from "./type-without-prefixes.ts";
import { rule as unknownInstanceType } from "./unknown-instance-type.ts";
import { rule as unknownVariable } from "./unknown-variable.ts";
import { rule as useMaxPodsWithEquals } from "./use-max-pods-with-equals.ts";
import { rule as valueNotAString } from "./value-not-a-string.ts";
import { rule as variableNewerThanVersion } from "./variable-newer-than-version.ts";
import { rule as variableSetTwice } from "./variable-set-twice.ts";
import { rule as versionWithKnownFault } from "./version-with-known-fault.ts";
import { rule as vethPrefixRefused } from "./veth-prefix-refused.ts";
import { rule as warmEniTargetHoards } from "./warm-eni-target-hoards.ts";
import { rule as warmEniTargetNeverRead } from "./warm-eni-target-never-read.ts";
import { rule as warmIpTargetThinOnLargeFleet } from "./warm-ip-target-thin-on-large-fleet.ts";
import { rule as warmIpTargetWithoutMinimum } from "./warm-ip-target-without-minimum.ts";
import { rule as warmPrefixTargetBesideIpTargets } from "./warm-prefix-target-beside-ip-targets.ts";
import { rule as warmPrefixTargetHoards } from "./warm-prefix-target-hoards.ts";
import { rule as warmPrefixTargetWithoutPrefixMode } from "./warm-prefix-target-without-prefix-mode.ts";
import { rule as warmTargetFillsSmallSubnet } from "./warm-target-fills-small-subnet.ts";
import { rule as warmTargetsInIpv6 } from "./warm-targets-in-ipv6.ts";
import { rule as webhookMutatesPodUpdates } from "./webhook-mutates-pod-updates.ts";
import { rule as windowsKeysOnLinux } from "./windows-keys-on-linux.ts";
import { rule as zoneWithoutEniconfig } from "./zone-without-eniconfig.ts";
import { rule as zoneWithoutUsableSubnet } from "./zone-without-usable-subnet.ts";

export const RULES: readonly LintRule[] = [
  minimumIpTargetWithoutWarmIpTarget,
  prefixModeWithoutWarmTarget,
  addressFamiliesContradict,
  ipv6NeedsPrefixMode,
  pluginLogToStdout,
  vethPrefixRefused,
  mtuOutOfRange,
  cooldownNotANumber,
  podSecurityGroupModeUnknown,
  networkPolicyModeUnknown,
  valueNotAString,
  booleanNotUnderstood,
  numberNotUnderstood,
  blanksAroundValue,
  unknownVariable,
  settingAtWrongLevel,
  variableSetTwice,
  eniTagsNotUnderstood,
  logLevelHidesPool,
  logNotInFile,
  ec2EndpointWithoutEffect,
  provisioningOff,
  leakedEniCleanupOff,
  ipv6OnTypeWithoutPrefixes,
  warmEniTargetNeverRead,
  warmPrefixTargetBesideIpTargets,
  warmPrefixTargetWithoutPrefixMode,
  minimumIpTargetAddsNothing,
  minimumIpTargetRoundsUp,
  warmTargetsInIpv6,
  maxEniWithoutEffect,
  windowsKeysOnLinux,
  warmIpTargetWithoutMinimum,
  warmIpTargetThinOnLargeFleet,
  ipTargetsAboveOneEni,
  warmPrefixTargetHoards,
  warmEniTargetHoards,
  warmTargetFillsSmallSubnet,
  subnetsTooSmallForFleet,
  cooldownOutOfRange,
  minimumIpTargetAboveMaxPods,
  maxPodsAboveEniCapacity,
  maxPodsIgnoresCustomNetworking,
  maxPodsIgnoresTrunkEni,
  maxEniCapsNode,
  maxPodsOnTypeWithoutPrefixes,
  nodepoolAllowsNonNitro,
  fixedMaxPodsOverOpenNodepool,
  oneMaxPodsForUnlikeTypes,
  nodeclassWithoutMaxPods,
  karpenterNeedsReservedEnis,
  bootstrapFlagsOnAl2023,
  useMaxPodsWithEquals,
  kubeReservedTooSmall,
  maxPodsAboveTestedDensity,
  maxPodsStillSecondary,
  maxPodsExpressionUnknownName,
  maxPodsExpressionOverridden,
  unknownInstanceType,
  maxPodsNeedsMoreThanSubnet,
  typeWithoutPrefixes,
  subnetTooSmallForPrefixes,
  sharedSubnetWithoutReservation,
  reservationNotForPrefixes,
  reservationHoldsNoPrefix,
  reservationOutsideSubnet,
  reservationInOtherSubnet,
  reservationsLeaveNoSingleAddresses,
  reservationOverUsedAddresses,
  zoneWithoutUsableSubnet,
  podSubnetUntagged,
  subnetTaggedForOtherCluster,
  subnetTagsNeverRead,
  manySmallSubnets,
  subnetFragmented,
  nauNearQuota,
  eniQuotaNear,
  reservationsSmallerThanDemand,
  zoneWithoutEniconfig,
  eniconfigInOtherZone,
  tooManySecurityGroups,
  eniconfigLabelLegacy,
  eniconfigWithoutCustomNetworking,
  eniconfigByLabelUnset,
  eniconfigSubnetUnknown,
  eniconfigGroupInOtherVpc,
  podEniOnTypeWithoutTrunk,
  podEniWithoutPolicy,
  policyWithoutPodEni,
  clusterRoleWithoutResourceController,
  earlyDemuxWithStrictPodEni,
  branchEniCooldownTooShort,
  iamActionMissing,
  iamIpv6ActionMissing,
  iamDescribeSecurityGroupsMissing,
  iamExplicitDeny,
  scopedPolicyNeedsClusterName,
  requiredEniTagMissing,
  trustPolicyForOtherAccount,
  variableNewerThanVersion,
  prefixModeBeforeSupport,
  policyAgentTooOld,
  versionWithKnownFault,
  subnetTagsBeforeSupport,
  imagesOfDifferentVersions,
  sourcesDisagree,
  twoInstallers,
  eniWithBothKinds,
  nodeOlderThanPrefixMode,
  metadataServiceOff,
  hopLimitOne,
  annotatePodIpWithoutPatch,
  webhookMutatesPodUpdates,
  probeTimeoutShort,
  cordonedNodeDoesNotGrow,
  conflistMtuWithoutEffect,
  conflistVethPrefixRefused,
  conflistLogToStdout,
  conflistEnforcingModeUnknown,
  conflistWithoutAwsCni,
  conflistCniVersionUnknown,
  conflistPathRelative,
];
