import { App, Aws, CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib'
import { Rule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Architecture, Code, Function, LayerVersion, Runtime } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'

interface SecretFunctionProps extends StackProps {
  /** Name of a secret of this account and Region, for example prod/db. */
  secretName: string
  /** ARN of the layer version, as scripts/publish-layer prints it. */
  layerArn: string
  /** ARN of the key that encrypts the secret; undefined for the key of AWS. */
  kmsKeyArn?: string
  /** Architecture of the layer version, and so of the function. */
  architecture: Architecture
}

/** A function whose secret is kept current by the layer aws-secretsmanager. */
class SecretFunction extends Stack {
  constructor(scope: Construct, id: string, props: SecretFunctionProps) {
    super(scope, id, props)
    const fn = new Function(this, 'Function', {
      code: Code.fromAsset('../function'),
      handler: 'app.handler',
      runtime: Runtime.PYTHON_3_13,
      architecture: props.architecture,
      timeout: Duration.seconds(10), // a rotation is tried until half a second before
      layers: [LayerVersion.fromLayerVersionArn(this, 'Layer', props.layerArn)],
      environment: { SECRET: props.secretName },
    })
    // Not Secret.grantRead, which allows more than is needed. Secrets Manager ends every ARN with a hyphen and six
    // characters of its own: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
    fn.addToRolePolicy(new PolicyStatement({
      actions: ['secretsmanager:GetSecretValue'],
      resources: [`arn:${Aws.PARTITION}:secretsmanager:${Aws.REGION}:${Aws.ACCOUNT_ID}:secret:${props.secretName}-??????`],
    }))
    if (props.kmsKeyArn) {
      fn.addToRolePolicy(new PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [props.kmsKeyArn],
        conditions: { StringLike: { 'kms:ViaService': `secretsmanager.${Aws.REGION}.*` } },
      }))
    }
    // Secrets Manager sends it for every secret, with no code and no CloudTrail.
    new Rule(this, 'Rotation', {
      eventPattern: {
        source: ['aws.secretsmanager'],
        detailType: ['Secret Label Updated'],
        detail: { labelUpdated: ['AWSCURRENT'], name: [props.secretName] },
      },
      targets: [new LambdaFunction(fn)],
    })
    new CfnOutput(this, 'FunctionName', { value: fn.functionName })
  }
}

const app = new App()

/** The value of -c NAME=VALUE, or of "context" in cdk.json. */
function context(name: string, pattern: RegExp): string {
  const value = app.node.tryGetContext(name) ?? ''
  if (!pattern.test(value)) throw new Error(`-c ${name}=…: got ${JSON.stringify(value)}, wanted ${pattern}`)
  return value
}

new SecretFunction(app, 'SecretsExample', {
  secretName: context('secret', /^[A-Za-z0-9/_+.@-]{1,512}$/),
  layerArn: context('layer', /^arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+:\d+$/),
  kmsKeyArn: context('key', /^(arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+)?$/) || undefined,
  architecture: context('architecture', /^(x86_64|arm64)?$/) === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
})
