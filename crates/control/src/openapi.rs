//! Completes the OpenAPI 3.1 document of the handlers with what is true of many calls.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder,
};
use utoipa::{Modify, OpenApi};

use privet_api::{CLIENT_HEADER, ClientKind, PROBLEM_JSON};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Privet control API",
        description = "Controls and monitors a running Privet engine. On the Unix socket whoever may open the file may call; \
                       over TCP every call needs `Authorization: Bearer TOKEN` with the token in DATA_DIR/control.token, \
                       the right Host and no foreign Origin: 401 and 403 have empty bodies. Times are milliseconds since \
                       1970 unless a field says otherwise; every other error is a problem (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(
        privet_api::Problem,
        privet_api::events::LogLine,
        privet_api::lists::ListAction
    )),
    modifiers(&TokenSecurity)
)]
pub(crate) struct ApiDocument;

struct TokenSecurity;

impl Modify for TokenSecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "Over TCP only; the Unix socket is guarded by its file's mode.",
            ))
            .build();
        let components = document.components.get_or_insert_with(Components::new);
        components
            .security_schemes
            .insert("token".to_owned(), RefOr::T(SecurityScheme::Http(scheme)));
        document.security = Some(vec![SecurityRequirement::new(
            "token",
            Vec::<String>::new(),
        )]);
    }
}

/// Adds the answers that many calls may give, so that no handler repeats them.
pub(crate) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            describe_problems(operation);
            if answers_with_change(operation) {
                for (status, description) in CHANGE_PROBLEMS {
                    add_response(operation, status, problem_response(description));
                }
            }
            add_response(
                operation,
                "401",
                empty_response("Over TCP: no token, or a wrong one. The body is empty."),
            );
            add_response(
                operation,
                "403",
                empty_response("Over TCP: a wrong Host or a foreign Origin. The body is empty."),
            );
            if operation
                .parameters
                .as_ref()
                .is_some_and(|all| !all.is_empty())
            {
                add_response(
                    operation,
                    "400",
                    problem_response("A parameter that this call does not take, or cannot read."),
                );
            }
            if operation.request_body.is_some() {
                add_response(
                    operation,
                    "400",
                    problem_response("The body is not what this call takes."),
                );
                add_response(
                    operation,
                    "408",
                    problem_response("The body did not arrive in time."),
                );
                add_response(operation, "413", problem_response("The body is too large."));
                add_response(
                    operation,
                    "415",
                    problem_response("The body is of another type."),
                );
            }
        }
        // Added last: they do not count as parameters that can be refused.
        for operation in changing_operations(item) {
            let parameters = operation.parameters.get_or_insert_default();
            parameters.push(RefOr::T(client_header()));
        }
        if has_version(path) {
            describe_versions(item);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

/// The operations that change something.
fn changing_operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ];
    all.into_iter().filter_map(Option::as_mut)
}

/// Whether a change of this path takes `If-Match`.
fn has_version(path: &str) -> bool {
    let resource = path.trim_start_matches("/api/v1/").split('/').next();
    matches!(
        resource,
        Some("config" | "changes" | "rules" | "lists" | "sites")
    ) && !path.ends_with("/refresh")
}

fn describe_versions(item: &mut PathItem) {
    for operation in changing_operations(item) {
        let parameters = operation.parameters.get_or_insert_default();
        parameters.push(RefOr::T(if_match()));
        let description = "`If-Match` does not hold: nothing was changed. `versions` has both.";
        add_response(operation, "412", problem_response(description));
    }
}

fn if_match() -> Parameter {
    ParameterBuilder::new()
        .name("if-match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The `ETag` of the GET that the change is made from, of this resource or of /api/v1/config; for one rule also its \
             id in quotes. Absent: the change is made in any case.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// The header in which a client names itself.
fn client_header() -> Parameter {
    let names = ClientKind::ALL.map(ClientKind::as_str);
    // Not an enumeration: no value is refused.
    let schema = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new()
        .name(CLIENT_HEADER)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(format!(
            "The client, for the timeline ({}); it gives no right. Absent or anything else: \"api\".",
            names.join(", ")
        )))
        .schema(Some(schema))
        .build()
}

/// What a call that changes the configuration may answer.
const CHANGE_PROBLEMS: [(&str, &str); 3] = [
    ("409", "A listener cannot be opened: nothing was changed"),
    ("422", "The result is invalid: nothing was changed"),
    (
        "500",
        "The file cannot be read or written: nothing was changed",
    ),
];

/// Whether the call answers with a `Change` of the configuration.
fn answers_with_change(operation: &Operation) -> bool {
    let Some(RefOr::T(response)) = operation.responses.responses.get("200") else {
        return false;
    };
    response.content.values().any(|content| match content {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(schema)),
            ..
        }) => schema.ref_location.ends_with("/Change"),
        _ => false,
    })
}

/// Gives every error of a handler its body.
fn describe_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.content.is_empty()
            && status.starts_with(['4', '5'])
        {
            *response = problem_response(&response.description);
        }
    }
}

fn add_response(operation: &mut Operation, status: &str, response: Response) {
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert(RefOr::T(response));
}

fn empty_response(description: &str) -> Response {
    Response::new(description)
}

fn problem_response(description: &str) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content)
        .build()
}
