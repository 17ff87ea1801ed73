"""Where the rules meet moto: around the one method through which every call of every service goes."""

from __future__ import annotations

from typing import Any

from reptiops.sandbox.rules import WORLD, Call, Refused, begin, end


def around(original: Any, response: Any) -> Any:
    """Answer a call of a moto response object as AWS would: ask the rules, let moto answer, let the rules see it."""
    world = WORLD
    if not world.enforced:
        return original(response)
    world.clock.tick()
    operation = response._get_action()
    if not operation:
        return original(response)
    call = Call(
        response.boto3_service_name,
        operation,
        parameters(response),
        response.current_account,
        response.region,
        world,
    )
    try:
        after = begin(call)
        answer = original(response)
        if int(answer[0]) < 300:
            end(after)
    except Refused as refused:
        return _answered(response, refused)
    return answer


def around_bucket(original: Any, response: Any, request: Any, full_url: str) -> Any:
    """The same for S3, which finds its operations by a way of its own; names are read from host or path alike."""
    from moto.core.routing import get_service_router
    from werkzeug.exceptions import NotFound

    world = WORLD
    if not world.enforced or not response.bucket_name:
        return original(response, request, full_url)
    world.clock.tick()
    try:
        operation, found = get_service_router("s3").match(request)
    except NotFound:
        return original(response, request, full_url)
    sent = _parsed(request, "s3", operation.name, found)
    call = Call("s3", operation.name, sent, response.current_account, response.region, world)
    try:
        after = begin(call)
        answer = original(response, request, full_url)
        if not isinstance(answer, tuple) or int(answer[0]) < 300:
            end(after)
    except Refused as refused:
        return _error(response, refused)
    return answer


def parameters(response: Any) -> Any:
    """The parameters as botocore's model names them, whatever protocol they came in."""
    request, operation = response.normalized_request, response._get_action()
    return _parsed(request, response.boto3_service_name, operation, response.uri_match)


def _parsed(request: Any, name: str, action: str, found: Any) -> Any:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import determine_request_protocol
    from moto.core.utils import get_service_model

    service = get_service_model(name)
    operation = service.operation_model(action)
    parser = PROTOCOL_PARSERS[determine_request_protocol(service, request.content_type)]
    sent = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": request.data,
        "url_path": request.path,
        "url_params": found,
    }
    return parser(operation, map_type=dict).parse(sent)


def _answered(response: Any, refused: Refused) -> Any:
    status, headers, body = _error(response, refused)
    return response._transform_response(response.response_headers, (body, {**headers, "status": status}))


def _error(response: Any, refused: Refused) -> Any:
    from moto.core.exceptions import ServiceException
    from moto.core.responses import ActionResult

    # moto finds the model of an error by the module of its class.
    error = type("AwsError", (ServiceException,), {"__module__": type(response).__module__})
    return response.serialized(ActionResult(error(refused.code, refused.message)))
