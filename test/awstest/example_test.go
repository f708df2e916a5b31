package awstest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func Example() {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("prod/db", `{"password":"one"}`)
	aws.Fail(awstest.Fault{Kind: awstest.Throttling, SecretID: "prod/db", Times: 1})

	for range 2 {
		req, _ := http.NewRequest(http.MethodPost, aws.URL(), strings.NewReader(`{"SecretId":"prod/db"}`))
		req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+awstest.AccessKeyID+"/20260102/us-east-1/secretsmanager/aws4_request")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, strings.Contains(string(body), "one"))
	}
	fmt.Println(aws.CallCount("prod/db"), "calls")
	// Output:
	// 400 false
	// 200 true
	// 2 calls
}
