// An ENIConfig names a subnet or a security group that cannot serve its nodes.

import type { Ec2ErrorFact } from "../../facts/model.ts";
import { effectiveSettings, quotes } from "../../facts/settings.ts";
import { eniConfigName } from "../checklist.ts";
import { errorsWithCode, noteErrors } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";

export const failureClass = defineClass({
  id: "eniconfig-invalid-target",
  title: "An ENIConfig names a wrong subnet or security group",
  needs: ["ec2Errors", "eniConfigs", "subnets", "nodes", "settings"],
  lookAlikes: [],
  docs: {
    what: "EC2 refuses the ENI that the ENIConfig describes: its subnet or group does not exist, or is in another zone, VPC or account.",
    why: "A deleted group, a copied id, a subnet of another zone. Without custom networking the same codes speak of the node's own groups and subnet.",
    next: "Correct the ENIConfig, then replace the nodes or restart aws-node.",
    prevention: "Resolve every ENIConfig's subnet and groups against EC2.",
    sources: ["EC2 API error codes", "amazon-vpc-cni-k8s#884"],
  },
  look(facts, notes) {
    const errors = [
      ...errorsWithCode(
        facts,
        "InvalidSubnetID.NotFound",
        "InvalidSubnet.NotFound",
        "InvalidGroup.NotFound",
        "InvalidSecurityGroupID.NotFound",
      ),
      ...errorsWithCode(facts, "InvalidParameter", "InvalidParameterValue").filter((one) =>
        /belong to different networks/.test(one.message),
      ),
      ...errorsWithCode(facts, "InvalidParameterCombination").filter((one) =>
        /same availability zone/i.test(one.message),
      ),
    ];
    const settings = effectiveSettings(facts);
    const isOn = isSettingKnown(settings, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG") && settings.customNetworking;
    const wrong = facts.eniConfigs.flatMap((config) => {
      const subnet = facts.subnets.find((one) => one.isLive && one.id === config.subnetId?.value);
      const nodes = facts.nodes.filter(
        (node) => isOn && node.zone !== undefined && eniConfigName(node, settings) === config.name,
      );
      const [away] = nodes.filter((node) => subnet?.zone !== undefined && subnet.zone !== node.zone);
      return subnet === undefined || away === undefined ? [] : [{ config, subnet, nodes, away }];
    });
    if (errors.length === 0 && wrong.length === 0) return;
    if (errors.length > 0) noteErrors(notes, errors);
    for (const { config, subnet, nodes, away } of wrong) {
      notes.sign({
        source: config.at,
        text: `ENIConfig ${config.name}: ${subnet.id} in ${subnet.zone}, node ${away.key} in ${away.zone}`,
      });
      notes.affects({ nodes: nodes.map((node) => node.key), subnets: [subnet.id] });
    }
    const named = facts.eniConfigs.filter((config) =>
      errors.some((error) => names(error, [config.subnetId?.value, ...config.securityGroupIds])),
    );
    notes.proof(
      "EC2 refused the ENI for its subnet or group",
      [
        ...quotes(errors),
        ...wrong.map(({ subnet }) => ({ source: subnet.at, text: `${subnet.id} in ${subnet.zone}` })),
      ],
      {
        what: "EC2's answer",
        command:
          "sudo grep -h -e NotFound -e 'different networks' -e 'same availability zone' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
      },
    );
    const configs = [...named, ...wrong.map(({ config }) => config)];
    notes.proof(
      "an ENIConfig says so",
      configs.length > 0
        ? configs.map((one) => ({
            source: one.at,
            text: `ENIConfig ${one.name}: ${one.subnetId?.value ?? ""} ${one.securityGroupIds.join(" ")}`,
          }))
        : undefined,
      {
        what: "the ENIConfigs, beside the ids that EC2 refuses",
        command: "kubectl get eniconfigs -o yaml > eniconfigs.yaml",
      },
    );
    if (isSettingKnown(settings, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG") && !settings.customNetworking)
      notes.against("custom networking is off: ENIConfigs are not read", [
        settings.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"),
      ]);
    const [first] = errors;
    const [config] = configs;
    notes.summary(
      `${config === undefined ? "The ENIs' subnet or group" : `ENIConfig ${config.name}`} cannot serve: ${first === undefined ? `${wrong[0]?.subnet.id} is in ${wrong[0]?.subnet.zone}, its nodes in ${wrong[0]?.away.zone}` : `${first.code}: ${first.message}`}.`.replace(
        /\.\.$/,
        ".",
      ),
    );
    notes.fix(
      `kubectl edit eniconfig ${config?.name ?? "NAME"}   # a subnet of the nodes' zone and VPC, groups of the same VPC, at most 5`,
      `aws ec2 describe-subnets --subnet-ids ${config?.subnetId?.value ?? "SUBNET"} --query 'Subnets[].[SubnetId,AvailabilityZone,VpcId]'; aws ec2 describe-security-groups --group-ids ${config?.securityGroupIds.join(" ") || "GROUPS"} --query 'SecurityGroups[].[GroupId,VpcId]'`,
      "kubectl -n kube-system rollout restart daemonset aws-node",
    );
  },
});

function names(error: Ec2ErrorFact, ids: readonly (string | undefined)[]): boolean {
  return ids.some((id) => id !== undefined && id !== "" && (error.subnetId === id || error.message.includes(id)));
}
