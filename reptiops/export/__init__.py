"""Leaving: the environment as CloudFormation templates, or as Terraform import blocks. Nothing in here calls AWS."""
