// The region's quota of network interfaces is used up.

import { quotes } from "../../facts/settings.ts";
import { countedErrors, errorsWithCode, noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { plural } from "../wording.ts";

const CODE = "NetworkInterfaceLimitExceeded";

export const failureClass = defineClass({
  id: "eni-quota-exceeded",
  title: "the region's ENI quota is used up",
  needs: ["ec2Errors", "metrics"],
  lookAlikes: [],
  docs: {
    what: "The account has as many network interfaces in the region as its quota allows.",
    why: "The quota Network interfaces per Region (5,000 by default) counts every ENI of the account: nodes, load balancers, Lambda, leaked ones. In secondary-IP mode large clusters with spare ENIs reach it. It is no lack of addresses: the subnet may be nearly empty.",
    next: "Ask for a higher quota; turn on prefix delegation, which needs fewer ENIs; delete leaked ENIs.",
    prevention: "A planner sums the ENIs of all node groups against the quota.",
    sources: [
      "Amazon VPC quotas: network interfaces per Region",
      "https://github.com/jantman/awslimitchecker/issues/509",
    ],
  },
  look(facts, notes) {
    const errors = errorsWithCode(facts, CODE);
    const counted = countedErrors(facts, CODE);
    if (errors.length === 0 && counted.length === 0) return;
    noteErrors(notes, errors);
    notes.sign(...counted.map((one) => one.evidence).slice(0, 2));
    notes.affects({ nodes: counted.map((one) => one.node) });
    notes.proof(`EC2 answered ${CODE}`, [...quotes(errors, 2), ...counted.map((one) => one.evidence).slice(0, 2)], {
      what: "the agent's log",
      command: `sudo grep ${CODE} /var/log/aws-routed-eni/ipamd.log | tail -n 5`,
    });
    const count = errors.length > 0 ? totalCount(errors) : counted.reduce((sum, one) => sum + one.count, 0);
    notes.summary(`The region's quota of network interfaces is used up: EC2 refused ${plural(count, "new ENI")}.`);
    notes.fix(
      "aws ec2 describe-network-interfaces --filters Name=status,Values=available --query 'NetworkInterfaces[?starts_with(Description, `aws-K8S-`)].[NetworkInterfaceId,Description]' --output text   # leaked ones: aws ec2 delete-network-interface --network-interface-id ENI_ID",
      "aws service-quotas request-service-quota-increase --service-code vpc --quota-code L-DF5E4CA3 --desired-value 10000",
      "New nodes with ENABLE_PREFIX_DELEGATION=true need one or two ENIs each",
    );
  },
});
