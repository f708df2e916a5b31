variable "name" {
  type        = string
  default     = "secrets-example"
  description = "Name of the function, its role and its rule"
}

variable "secret_name" {
  type        = string
  description = "Name of a secret of this account and Region, for example prod/db"
  validation {
    condition     = can(regex("^[A-Za-z0-9/_+.@-]{1,512}$", var.secret_name))
    error_message = "secret_name is a name, not an ARN: letters, digits and / _ + . @ -"
  }
}

variable "layer_arn" {
  type        = string
  description = "ARN of the layer version, as scripts/publish-layer prints it"
  validation {
    condition     = can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", var.layer_arn))
    error_message = "layer_arn ends in the number of a version, as in arn:aws:lambda:eu-west-1:111122223333:layer:NAME:1"
  }
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "ARN of the key that encrypts the secret; null for the key of AWS"
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key, not of an alias"
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "Architecture of the layer version, and so of the function: x86_64 or arm64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64"
  }
}
