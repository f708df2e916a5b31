# A function whose secret is kept current by the layer aws-secretsmanager.
# The provider takes credentials and the Region as every AWS tool does.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.4"
    }
  }
}

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

data "archive_file" "function" {
  type        = "zip"
  source_file = "${path.module}/../function/app.py"
  output_path = "${path.module}/function.zip"
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = aws_iam_role.this.arn
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  handler          = "app.handler"
  runtime          = "python3.13"
  architectures    = [var.architecture]
  timeout          = 10 # seconds; a rotation is tried until half a second before
  layers           = [var.layer_arn]
  environment {
    variables = {
      SECRET = var.secret_name
    }
  }
}

resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "read" {
  name = "read-secret"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = "secretsmanager:GetSecretValue"
      # Secrets Manager ends every ARN with a hyphen and six characters of its own.
      # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
      Resource = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:secret:${var.secret_name}-??????"
    }]
  })
}

resource "aws_iam_role_policy" "decrypt" {
  count = var.kms_key_arn == null ? 0 : 1
  name  = "decrypt-secret"
  role  = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = var.kms_key_arn
      Condition = { StringLike = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.region}.*" } }
    }]
  })
}

# Secrets Manager sends it for every secret, with no code and no CloudTrail.
resource "aws_cloudwatch_event_rule" "rotation" {
  name = "${var.name}-rotation"
  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["Secret Label Updated"]
    detail = {
      labelUpdated = ["AWSCURRENT"]
      name         = [var.secret_name]
    }
  })
}

resource "aws_cloudwatch_event_target" "rotation" {
  rule = aws_cloudwatch_event_rule.rotation.name
  arn  = aws_lambda_function.this.arn
}

resource "aws_lambda_permission" "rotation" {
  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.rotation.arn
}

output "function_name" {
  value = aws_lambda_function.this.function_name
}
