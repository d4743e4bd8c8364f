# What EC2 tells a machine about itself (IMDSv2). Sourced.
IMDS=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}

token() { curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$IMDS/latest/api/token"; }
metadata() { curl -sf -H "X-aws-ec2-metadata-token: $(token)" "$IMDS/latest/meta-data/$1"; }
