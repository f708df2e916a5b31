package endpoint

// quirks are where an upstream is not as AWS is. The zero value is AWS, and what
// package awstest must be.
type quirks struct {
	// notFound is the status of an answer that a secret or a version is not there, or
	// not on the stage that was asked for with it. AWS answers 400 to every error of
	// the caller. https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
	notFound int

	// otherStage: a version is answered whatever stage is asked for with it. AWS: "the
	// two must refer to the same secret version".
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
	otherStage bool

	// hyphen: a secret whose name ends in a hyphen and six characters is found by its
	// partial ARN. AWS takes that for a complete ARN.
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
	hyphen bool

	// lastPut: after UpdateSecretVersionStage has moved AWSCURRENT, a read without a
	// stage still gets the version that was last put as AWSCURRENT. AWS: the version
	// with the label is the current one.
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
	lastPut bool

	// noValue: a secret that was made without a value has a version, and the answer
	// has no value. AWS makes no version of it.
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
	noValue bool

	// anyName and anySize: names and values are taken that AWS refuses. AWS: ASCII
	// letters, digits and /_+=.@- in a name, 1 to 65,536 bytes in a value.
	// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
	anyName, anySize bool

	// alone: of calls at the same time some are answered with 500 and a page, so they
	// are made one at a time.
	alone bool
}

var (
	ministack = quirks{otherStage: true, hyphen: true, noValue: true, anyName: true, anySize: true}
	moto      = quirks{notFound: 404, hyphen: true, lastPut: true, anyName: true, anySize: true, alone: true}
)
