# syntax=docker/dockerfile:1
#
# canarize itself, for pipelines that run their steps in containers:
#
#     docker build --tag canarize .
#     docker run --rm --volume "$PWD/manifests:/manifests:ro" canarize generate --canary-weight 10 /manifests
#
# The base images are named by tag. To build the same image years from now,
# append the digests that your registry shows for these tags.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY cmd ./cmd
COPY internal ./internal
# Set by BuildKit for each platform of a multi-platform build.
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags="-s -w" -o /out/canarize ./cmd/canarize

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/canarize /canarize
# As a number: with a name the kubelet could not tell that runAsNonRoot holds.
USER 65532:65532
ENTRYPOINT ["/canarize"]
