# syntax=docker/dockerfile:1
# The image of the controller: one binary on a base without a shell.
#
#   docker build --tag registry.example.com/kargo:0.1.0 .
#
# Builder and base are of the same Debian release, as the binary is linked to that release's glibc.

FROM rust:1.95-bookworm AS toolchain
WORKDIR /build
# Whatever the builder has installed, zlib goes into the binary: the base has none.
ENV LIBZ_SYS_STATIC=1
# cargo-chef turns the manifests and the lock file into a recipe, and builds the dependencies alone from it.
RUN cargo install --locked --version 0.1.78 cargo-chef

FROM toolchain AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM toolchain AS build
# This layer is built again when a manifest or the lock file changes, and not when code does.
COPY --from=plan /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --package kargo --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --package kargo

# With glibc, libgcc and the certificates of public authorities; its user `nonroot` is 65532, as in the chart.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/kargo /usr/local/bin/kargo
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/kargo"]
CMD ["controller"]
