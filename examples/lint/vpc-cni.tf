# A recipe that is passed around, on a node group of Amazon Linux 2023. slash28 lint examples/lint says what becomes of it.

resource "aws_eks_addon" "vpc_cni" {
  cluster_name  = "shop"
  addon_name    = "vpc-cni"
  addon_version = "v1.20.4-eksbuild.1"

  configuration_values = jsonencode({
    env = {
      ENABLE_PREFIX_DELEGATION = "true"
      WARM_ENI_TARGET          = "2"
      MINIMUM_IP_TARGET        = "20"
      WARM_IP_TARGET           = "20"
      ENABLE_POD_ENI           = "true"
    }
  })
}

resource "aws_subnet" "nodes" {
  vpc_id            = "vpc-0a1b2c3d4e5f60718"
  cidr_block        = "10.0.0.0/24"
  availability_zone = "us-west-2a"
}

resource "aws_launch_template" "nodes" {
  name_prefix   = "shop-nodes-"
  instance_type = "m5.large"

  user_data = base64encode(<<-EOT
    #!/bin/bash
    /etc/eks/bootstrap.sh shop --use-max-pods false --kubelet-extra-args '--max-pods=70'
  EOT
  )
}

resource "aws_eks_node_group" "general" {
  cluster_name    = "shop"
  node_group_name = "general"
  node_role_arn   = "arn:aws:iam::123456789012:role/shop-nodes"
  ami_type        = "AL2023_x86_64_STANDARD"
  subnet_ids      = [aws_subnet.nodes.id]

  launch_template {
    id      = aws_launch_template.nodes.id
    version = "$Latest"
  }

  scaling_config {
    min_size     = 3
    desired_size = 9
    max_size     = 12
  }
}
