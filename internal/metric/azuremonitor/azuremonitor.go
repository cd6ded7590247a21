// Package azuremonitor is the metric source for Azure Monitor's managed
// Prometheus: a Prometheus with a login by Microsoft Entra ID.
package azuremonitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/prometheus"
)

// The query endpoints of Azure Monitor workspaces.
const (
	hostSuffix = ".prometheus.monitor.azure.com"
	scope      = "https://prometheus.monitor.azure.com/.default"
)

// New makes a source for a workspace's query endpoint, such as
// https://shop-a1b2.westeurope.prometheus.monitor.azure.com. It sends tokens to
// no other server.
func New(access metric.Access, options prometheus.Options, getenv func(string) string, credential azcore.TokenCredential) (*prometheus.Source, error) {
	where, err := url.Parse(access.Address)
	if err != nil || where.Scheme != "https" || !strings.HasSuffix(strings.ToLower(where.Hostname()), hostSuffix) || where.Port() != "" && where.Port() != "443" {
		return nil, fmt.Errorf("the address of the metrics must be the query endpoint of an Azure Monitor workspace, https://NAME.REGION%s; canarize sends the token to no other server", hostSuffix)
	}
	return open(access, options, getenv, credential)
}

func open(access metric.Access, options prometheus.Options, getenv func(string) string, credential azcore.TokenCredential) (*prometheus.Source, error) {
	server, err := endpoint.New(access, getenv, token(credential))
	if err != nil {
		return nil, err
	}
	options.IgnoreCase = true // the service ignores case and may return labels in another case
	return prometheus.New(server, options), nil
}

// token requests a token for each call. The credential caches it until shortly
// before it expires.
func token(credential azcore.TokenCredential) endpoint.Token {
	return func(ctx context.Context) (string, error) {
		t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return "", fmt.Errorf("login with Microsoft Entra ID: %w", plain{err})
		}
		return t.Token, nil
	}
}

// plain formats an error on one line.
type plain struct{ error }

func (e plain) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e plain) Unwrap() error { return e.error }

// The variables with which a step of Azure Pipelines with a service connection,
// such as AzureCLI@2, identifies itself. SYSTEM_ACCESSTOKEN must be mapped in
// the step's env.
const (
	tenantVariable      = "AZURESUBSCRIPTION_TENANT_ID"
	clientVariable      = "AZURESUBSCRIPTION_CLIENT_ID"
	connectionVariable  = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"
	accessTokenVariable = "SYSTEM_ACCESSTOKEN"
)

// Login returns the credential of this process. In an Azure pipeline with a
// service connection it is that connection, whose assertions are renewed as
// long as the job runs. Otherwise it is what the Azure SDK finds, such as a
// workload identity, a managed identity, or a login of az.
func Login(getenv func(string) string) (azcore.TokenCredential, error) {
	tenant, client, connection := getenv(tenantVariable), getenv(clientVariable), getenv(connectionVariable)
	if tenant == "" || client == "" || connection == "" {
		return azidentity.NewDefaultAzureCredential(nil)
	}
	if getenv(accessTokenVariable) == "" {
		return nil, errors.New("the service connection needs the job's token; map it in the step's env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)")
	}
	return azidentity.NewAzurePipelinesCredential(tenant, client, connection, getenv(accessTokenVariable), nil)
}
