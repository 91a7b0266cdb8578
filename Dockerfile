# Builds the one program and puts it alone into a small image that runs as an ordinary user.
FROM rust:1.95-bookworm AS build
WORKDIR /src
# No database at build time: the queries are checked against .sqlx.
ENV SQLX_OFFLINE=true
COPY Cargo.toml Cargo.lock askama.toml ./
COPY devdb devdb
COPY .sqlx .sqlx
COPY migrations migrations
COPY data data
COPY static static
COPY templates templates
COPY src src
RUN cargo build --profile dist --locked --package kundportal

FROM debian:bookworm-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin kundportal
COPY --from=build /src/target/dist/kundportal /usr/local/bin/kundportal
USER kundportal
EXPOSE 3000
STOPSIGNAL SIGTERM
ENTRYPOINT ["kundportal"]
CMD ["serve"]
