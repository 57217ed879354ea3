package org.wso2.carbon.identity.workflow.mgt.bean;

import java.io.Serializable;

/** Stand-in with the serialized form of the server's class: name, version and fields, nothing else. */
public class RequestParameter implements Serializable {
    private static final long serialVersionUID = -8564170214424881696L;

    public String name;
    public Object value;
    public String valueType;
    public boolean requiredInWorkflow;

    public RequestParameter(String name, Object value) {
        this.name = name;
        this.value = value;
    }
}
