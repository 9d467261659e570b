package simulator

// definition describes an error code in one of the two lists of error definitions.
type definition struct {
	Code        int       `json:"code"`
	Category    string    `json:"category"`
	Message     string    `json:"message,omitempty"`
	Description string    `json:"description"`
	RetryHint   RetryHint `json:"retryHint,omitempty"`
}

func definitionRoutes() []route {
	return []route{
		getRoute("/general/error-definitions", groupOther, listDefinitions(apiDefinitions())),
		getRoute("/encoding/error-definitions", groupOther, listDefinitions(encodingDefinitions())),
	}
}

func listDefinitions(all []definition) handler {
	return func(_ *Simulator, c *call) (any, error) {
		p, err := c.parsePage()
		if err != nil {
			return nil, err
		}
		return paginate(p, all, func(d definition) any { return d }), nil
	}
}

func apiDefinitions() []definition {
	return []definition{
		{Code: CodeInternal, Category: "GENERAL", Description: "an internal error, which says nothing about the request"},
		{Code: CodeInvalid, Category: "REQUEST", Description: "the request cannot be understood or lacks something"},
		{Code: CodeReference, Category: "REQUEST", Description: "the request names something that does not exist"},
		{Code: CodeState, Category: "REQUEST", Description: "the request is not possible in the present status"},
		{Code: CodeUnauthorized, Category: "ACCESS", Description: "the API key is missing or unknown"},
		{Code: CodeNotFound, Category: "REQUEST", Description: "the path names something that does not exist"},
		{Code: CodeMethod, Category: "REQUEST", Description: "the path does not have this method"},
		{Code: CodeTooMany, Category: "LIMIT", Description: "too many requests in this minute"},
		{Code: CodeTooLarge, Category: "REQUEST", Description: "the request body is too large"},
		{Code: CodeUnavailable, Category: "GENERAL", Description: "the service is shutting down"},
		{Code: CodeMinutes, Category: "LIMIT", Description: "the encoding minutes of the month are used up"},
		{Code: CodeBytes, Category: "LIMIT", Description: "the bytes of the month are used up"},
		{Code: CodeQuota5, Category: "LIMIT", Description: "a quota of the account is used up"},
		{Code: CodeQuota6, Category: "LIMIT", Description: "a quota of the account is used up"},
		{Code: CodeQuota7, Category: "LIMIT", Description: "a quota of the account is used up"},
		{Code: CodeQueueFull, Category: "LIMIT", Description: "too many encodings are queued"},
		{Code: CodeWebhooks, Category: "LIMIT", Description: "too many webhooks of this type"},
	}
}

// encodingDefinitions describes failures of runs. Codes 10000 to 10007 are the platform's.
// The others are inventions, which stand for the rest of the platform's list.
func encodingDefinitions() []definition {
	decoding := "DECODING ERROR"
	return []definition{
		{-1, "UNDEFINED", "undefined", "it is not known whether a retry helps", UndefinedHint},
		{10000, decoding, "decoding failed", "the input could not be decoded", NoRetry},
		{10006, decoding, "input unreadable", "the input is not a media file", NoRetry},
		{10003, decoding, "input damaged", "the input file could not be decoded to its end", NoRetry},
		{20001, "DOWNLOAD ERROR", "input missing", "the input does not exist", NoRetry},
		{20004, "DOWNLOAD ERROR", "download interrupted", "reading the input file was interrupted", Retry},
		{60001, "ENCODING ERROR", "encoder lost", "an encoder instance was lost while it was working", Retry},
		{90001, "SIMULATED ERROR", "simulated failure", "the simulator was told to let this run fail", Retry},
		{90002, "SIMULATED ERROR", "simulated region failure", "this region has no capacity", RetryInDifferentRegion},
		{90003, "SIMULATED TRANSFER ERROR", "simulated transfer failure", "an output could not be written", Retry},
	}
}

// simulatedFailure returns the error of a run that fails because of [Simulator.FailRate].
func simulatedFailure() TaskError {
	return TaskError{
		Code: 90001, Category: "SIMULATED ERROR", RetryHint: Retry,
		Text: "the simulator was told to let this run fail",
	}
}
