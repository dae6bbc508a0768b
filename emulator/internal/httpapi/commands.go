package httpapi

import (
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
)

func (a *api) commands() {
	a.control("PUT /commands/{command}", "CreateCommand", "command/{command}", a.createCommand)
	a.control("GET /commands/{command}", "GetCommand", "command/{command}", a.getCommand)
	a.control("GET /commands", "ListCommands", "*", a.listCommands)
	a.control("PATCH /commands/{command}", "UpdateCommand", "command/{command}", a.updateCommand)
	a.control("DELETE /commands/{command}", "DeleteCommand", "command/{command}", a.deleteCommand)
	a.control("POST /command-executions", "StartCommandExecution", "*", a.either(a.startCommand, a.listCommandExecutions))
	a.control("GET /command-executions/{execution}", "GetCommandExecution", "*", a.getCommandExecution)
	a.control("DELETE /command-executions/{execution}", "DeleteCommandExecution", "*", a.deleteCommandExecution)
}

func (a *api) createCommand(c *call) (answer any, err error) {
	var q struct {
		DisplayName string `json:"displayName"`
		Description string `json:"description"`
		Payload     *struct {
			Content     []byte `json:"content"`
			ContentType string `json:"contentType"`
		} `json:"payload"`
		PayloadTemplate     string `json:"payloadTemplate"`
		MandatoryParameters []any  `json:"mandatoryParameters"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if q.PayloadTemplate != "" || len(q.MandatoryParameters) > 0 || q.Payload == nil {
		return nil, invalid("The emulator needs a payload, and knows no payloadTemplate and no mandatoryParameters")
	}
	err = a.read(c, func() error {
		id := c.PathValue("command")
		answer = object{"commandId": id, "commandArn": c.account.ARN("command/" + id)}
		return a.Commands.Create(c.now, iotcore.Command{ID: id, DisplayName: q.DisplayName, Description: q.Description,
			Payload: q.Payload.Content, ContentType: q.Payload.ContentType})
	})
	return answer, err
}

func command(c *call, v *iotcore.Command) object {
	o := object{"commandId": v.ID, "commandArn": c.account.ARN("command/" + v.ID), "deprecated": v.Deprecated,
		"createdAt": date(v.CreatedAt), "lastUpdatedAt": date(v.UpdatedAt), "pendingDeletion": false}
	put(o, "displayName", v.DisplayName)
	return o
}

func (a *api) getCommand(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		v, err := a.Commands.Command(c.PathValue("command"))
		if err != nil {
			return err
		}
		o := command(c, &v)
		o["payload"], o["namespace"] = object{"content": v.Payload, "contentType": v.ContentType}, "AWS-IoT"
		put(o, "description", v.Description)
		answer = o
		return nil
	})
	return answer, err
}

func (a *api) listCommands(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		var list []object
		for _, v := range a.Commands.Commands() {
			list = append(list, command(c, &v))
		}
		part, next, err := page(c, list, "maxResults")
		o := object{"commands": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) updateCommand(c *call) (answer any, err error) {
	var q struct {
		DisplayName *string `json:"displayName"`
		Description *string `json:"description"`
		Deprecated  *bool   `json:"deprecated"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	err = a.read(c, func() error {
		v, err := a.Commands.Update(c.now, c.PathValue("command"), q.DisplayName, q.Description, q.Deprecated)
		o := object{"commandId": v.ID, "deprecated": v.Deprecated, "lastUpdatedAt": date(v.UpdatedAt)}
		put(o, "displayName", v.DisplayName)
		put(o, "description", v.Description)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) deleteCommand(c *call) (any, error) {
	return object{"statusCode": 204}, a.read(c, func() error { return a.Commands.Delete(c.PathValue("command")) })
}

// target reads the ARN of a thing or a client.
func target(arn string) (iotcore.CommandTarget, error) {
	if _, id, ok := strings.Cut(arn, ":thing/"); ok {
		return iotcore.CommandTarget{Kind: iotcore.TargetThings, ID: id}, nil
	}
	if _, id, ok := strings.Cut(arn, ":client/"); ok {
		return iotcore.CommandTarget{Kind: iotcore.TargetClients, ID: id}, nil
	}
	return iotcore.CommandTarget{}, invalid("%q is not the ARN of a thing or a client", arn)
}

func targetARN(c *call, t iotcore.CommandTarget) string {
	return c.account.ARN(strings.TrimSuffix(t.Kind, "s") + "/" + t.ID)
}

func commandID(arn string) string {
	_, id, _ := strings.Cut(arn, ":command/")
	return id
}

func (a *api) startCommand(c *call) (answer any, err error) {
	var q struct {
		TargetARN  string `json:"targetArn"`
		CommandARN string `json:"commandArn"`
		Parameters object `json:"parameters"`
		Timeout    *int64 `json:"executionTimeoutSeconds"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	to, err := target(q.TargetARN)
	switch {
	case err != nil:
		return nil, err
	case len(q.Parameters) > 0:
		return nil, invalid("The emulator knows no parameters of commands")
	case q.Timeout != nil && (*q.Timeout < 1 || *q.Timeout > 43200):
		return nil, invalid("executionTimeoutSeconds must be between 1 and 43200")
	}
	var timeout time.Duration
	if q.Timeout != nil {
		timeout = time.Duration(*q.Timeout) * time.Second
	}
	err = a.change(c, func() ([]service.Message, error) {
		x, out, err := a.Commands.Start(c.now, commandID(q.CommandARN), to, timeout)
		answer = object{"executionId": x.ID}
		return out, err
	})
	return answer, err
}

func commandExecution(c *call, x *iotcore.CommandExecution) object {
	o := object{"executionId": x.ID, "commandArn": c.account.ARN("command/" + x.Command), "targetArn": targetARN(c, x.Target),
		"status": x.Status, "createdAt": date(x.CreatedAt)}
	put(o, "startedAt", date(x.StartedAt))
	put(o, "completedAt", date(x.EndedAt))
	return o
}

// execution returns the execution that the path names, where it is that of the target.
func (a *api) execution(c *call) (x iotcore.CommandExecution, err error) {
	x, err = a.Commands.Execution(c.PathValue("execution"))
	if arn := c.URL.Query().Get("targetArn"); err == nil && arn != targetARN(c, x.Target) {
		err = &problem{404, "ResourceNotFoundException", "There is no such command execution for the target"}
	}
	return x, err
}

func (a *api) getCommandExecution(c *call) (answer any, err error) {
	err = a.read(c, func() error {
		x, err := a.execution(c)
		if err != nil {
			return err
		}
		o := commandExecution(c, &x)
		o["executionTimeoutSeconds"], o["lastUpdatedAt"] = int64(x.Timeout/time.Second), date(x.UpdatedAt)
		if x.Reason != nil {
			o["statusReason"] = x.Reason
		}
		if c.flag("includeResult") && x.Result != nil {
			o["result"] = x.Result
		}
		answer = o
		return nil
	})
	return answer, err
}

func (a *api) listCommandExecutions(c *call) (answer any, err error) {
	var q struct {
		CommandARN string `json:"commandArn"`
		TargetARN  string `json:"targetArn"`
		Status     string `json:"status"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	var to iotcore.CommandTarget
	if q.TargetARN != "" {
		if to, err = target(q.TargetARN); err != nil {
			return nil, err
		}
	}
	err = a.read(c, func() error {
		var list []object
		for _, x := range a.Commands.Executions(commandID(q.CommandARN), to) {
			if q.Status == "" || q.Status == string(x.Status) {
				list = append(list, commandExecution(c, &x))
			}
		}
		part, next, err := page(c, list, "maxResults")
		o := object{"commandExecutions": part}
		put(o, "nextToken", next)
		answer = o
		return err
	})
	return answer, err
}

func (a *api) deleteCommandExecution(c *call) (any, error) {
	return nil, a.read(c, func() error {
		x, err := a.execution(c)
		if err != nil {
			return err
		}
		return a.Commands.DeleteExecution(x.ID)
	})
}
