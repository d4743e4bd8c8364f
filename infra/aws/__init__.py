"""panocast in a user's own AWS account: one CloudFormation stack on Spot machines."""
