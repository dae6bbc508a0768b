package awsiot

// For the tests outside.
var VersionIn = versionIn
