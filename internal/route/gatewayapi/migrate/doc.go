// Package migrate translates Mappings of Emissary into HTTPRoutes and GRPCRoutes.
//
//	fields   what becomes of every field of a Mapping: translated, harmless or refused
//	rule     a group of Mappings → a rule: match, filters, backends with weights
//	hosts    groups → the hostnames of their routes, so that no less specific path wins
//	pack     rules → routes and ReferenceGrants
//	verify   asks the models of both gateways about the same requests, and compares
//
// The translation may be wrong in ways that it cannot see: two Mappings that Emissary
// orders in another way than the Gateway API, for example. So nothing is moved whose
// requests the two models do not answer alike. The few differences that every gateway must
// have are announced, and described in docs/migrate.md.
package migrate
