const { withRotation } = require('aws-secretsmanager');

exports.handler = withRotation((event, context, callback) => {});
